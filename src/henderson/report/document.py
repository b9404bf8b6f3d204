"""A report as a Word document."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

from henderson.report.contents import (
    Block,
    Code,
    Contents,
    Equation,
    Items,
    Paragraph,
    Picture,
    Table,
)

WIDEST = 6.3  # inches between the margins
_TABLE_POINTS = 9


def document(contents: Contents) -> bytes:
    """The report as .docx, with headings, tables and pictures that Word can restyle."""
    from datetime import datetime  # noqa: PLC0415

    from docx import Document  # noqa: PLC0415

    made = Document()
    made.core_properties.author = "henderson"
    made.core_properties.title = contents.title
    made.core_properties.created = made.core_properties.modified = datetime(2000, 1, 1)
    made.add_heading(contents.title, level=0)
    made.add_paragraph(contents.subtitle)
    for part in contents.parts:
        made.add_heading(part.heading, level=1)
        for block in part.blocks:
            _add(made, block)
    out = BytesIO()
    made.save(out)
    return out.getvalue()


def _add(made: Any, block: Block) -> None:  # noqa: ANN401
    from docx.shared import Inches, Pt  # noqa: PLC0415

    match block:
        case Paragraph():
            marked = f"{block.mark.capitalize()}. " if block.mark else ""
            made.add_paragraph(f"{marked}{block.text}")
        case Items():
            for text in block.texts:
                made.add_paragraph(text, style="List Bullet")
        case Equation():
            made.add_paragraph("\n".join(block.text()))
        case Table():
            _add_table(made, block)
        case Picture():
            made.add_picture(BytesIO(block.png), width=Inches(min(block.width, WIDEST)))
            shape = made.inline_shapes[-1]._inline.docPr
            shape.set("descr", block.alt)
            made.paragraphs[-1].paragraph_format.keep_with_next = True
            made.add_paragraph(block.caption, style="Caption")
        case Code():
            run = made.add_paragraph().add_run(block.text)
            run.font.name, run.font.size = "Consolas", Pt(9)


def _add_table(made: Any, block: Table) -> None:  # noqa: ANN401
    from docx.enum.text import WD_ALIGN_PARAGRAPH  # noqa: PLC0415
    from docx.oxml import OxmlElement  # noqa: PLC0415
    from docx.oxml.ns import qn  # noqa: PLC0415
    from docx.shared import Inches, Pt  # noqa: PLC0415

    caption = made.add_paragraph(block.caption, style="Caption")
    caption.paragraph_format.keep_with_next = True
    grid = block.grid
    table = made.add_table(rows=0, cols=len(grid.header), style="Light Shading")
    table.autofit = False
    look = table._tbl.tblPr.find(qn("w:tblLook"))
    for name in ("firstColumn", "lastColumn", "lastRow", "firstRow"):
        look.set(qn(f"w:{name}"), "1" if name == "firstRow" else "0")
    look.set(qn("w:val"), "0620")  # the first row apart, no bands
    look.set(qn("w:noHBand"), "1")
    widths = [Inches(width) for width in column_widths([grid.header, *grid.rows])]
    for column, width in zip(table.columns, widths, strict=True):
        column.width = width
    for line in (grid.header, *grid.rows):
        row = table.add_row()
        for i, (cell, text) in enumerate(zip(row.cells, line, strict=True)):
            cell.text, cell.width = text, widths[i]
            paragraph = cell.paragraphs[0]
            paragraph.paragraph_format.space_after = Pt(0)
            for run in paragraph.runs:
                run.font.size = Pt(_TABLE_POINTS)
            if i >= grid.labels:
                paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        properties = row._tr.get_or_add_trPr()
        properties.append(OxmlElement("w:cantSplit"))
        if line is grid.header:  # again on the next page
            properties.append(OxmlElement("w:tblHeader"))
    for i, note in enumerate(block.notes):
        paragraph = made.add_paragraph(note)
        paragraph.paragraph_format.space_before = Pt(0 if i else 6)


def column_widths(lines: Sequence[Sequence[str]]) -> list[float]:
    """Inches of each column, so that words are not broken; together the widest at most.

    A column has the room of its longest text, or of its longest word where all do not fit.
    """
    columns = list(zip(*lines, strict=True))
    wanted = [_inches(max(map(len, column))) for column in columns]
    needed = [
        _inches(max(len(word) for text in column for word in [*text.split(), ""]))
        for column in columns
    ]
    if sum(wanted) <= WIDEST:
        return wanted
    spare = max(WIDEST - sum(needed), 0.0)
    asked = [max(want - need, 0.0) for want, need in zip(wanted, needed, strict=True)]
    share = spare / max(sum(asked), 1e-9)
    return [need + share * ask for need, ask in zip(needed, asked, strict=True)]


def _inches(characters: int) -> float:
    return 0.2 + 0.078 * characters
