"""A report as a Word document."""

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
            made.add_paragraph(block.caption, style="Caption")
        case Code():
            run = made.add_paragraph().add_run(block.text)
            run.font.name, run.font.size = "Consolas", Pt(9)


def _add_table(made: Any, block: Table) -> None:  # noqa: ANN401
    from docx.enum.text import WD_ALIGN_PARAGRAPH  # noqa: PLC0415

    made.add_paragraph(block.caption, style="Caption")
    grid = block.grid
    table = made.add_table(rows=0, cols=len(grid.header), style="Light List")
    for line in (grid.header, *grid.rows):
        cells = table.add_row().cells
        for i, (cell, text) in enumerate(zip(cells, line, strict=True)):
            cell.text = text
            if i >= grid.labels:
                cell.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.RIGHT
    for note in block.notes:
        made.add_paragraph(note)
