"""A report as one HTML page that needs nothing else: no network, no other file."""

from base64 import b64encode
from html import escape
from importlib.resources import files

from henderson.report.contents import (
    Block,
    Code,
    Contents,
    Equation,
    Items,
    Paragraph,
    Picture,
    Piece,
    Table,
)
from henderson.report.model_in_words import own_version, software
from henderson.report.publication import great_table

MARKS = {"fine": "Fine", "note": "Note", "problem": "Problem"}


def page(contents: Contents) -> str:
    """The whole page, the same for the same contents."""
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415

    templates = files("henderson.report") / "templates"
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.filters["html"] = html
    template = environment.from_string((templates / "page.html").read_text(encoding="utf-8"))
    style = (templates / "page.css").read_text(encoding="utf-8")
    return template.render(
        contents=contents, style=_safe(style), version=own_version(), software=software()
    )


def html(block: Block) -> object:
    """One block as HTML, escaped where it has to be."""
    return _safe(_html(block))


def _safe(text: str) -> object:
    from markupsafe import Markup  # noqa: PLC0415

    return Markup(text)


def _html(block: Block) -> str:
    match block:
        case Paragraph():
            return _paragraph(block)
        case Items():
            items = "".join(f"<li>{escape(text)}</li>" for text in block.texts)
            return f"<ul>{items}</ul>" if items else ""
        case Equation():
            lines = zip(block.lines, block.text(), strict=True)
            made = "".join(_math(line, text) for line, text in lines)
            return f'<div class="equation" tabindex="0">{made}</div>'
        case Table():
            return _table(block)
        case Picture():
            return _figure(block)
        case Code():
            return f'<pre tabindex="0"><code>{escape(block.text)}</code></pre>'


def _paragraph(block: Paragraph) -> str:
    if not block.mark:
        return f"<p>{escape(block.text)}</p>"
    word = MARKS[block.mark]
    return f'<p class="mark {block.mark}"><b>{word}.</b> {escape(block.text)}</p>'


def _table(block: Table) -> str:
    made = great_table(block.grid, block.caption, name=f"table-{block.name}")
    made = made.tab_options(
        table_width="auto",
        table_margin_left="0",
        table_margin_right="auto",
        table_font_size="0.92rem",
        table_font_names=["inherit"],
        heading_align="left",
        heading_title_font_size="1rem",
        heading_title_font_weight="600",
        heading_border_bottom_style="none",
        table_border_top_style="none",
        table_border_bottom_color="#545454",
        column_labels_font_weight="600",
        column_labels_border_top_color="#545454",
        column_labels_border_bottom_color="#545454",
        data_row_padding="3px",
        container_overflow_x="auto",
        container_overflow_y="hidden",
    )
    notes = "".join(f'<p class="notes">{escape(note)}</p>' for note in block.notes)
    return f'<div class="table">{made.as_raw_html()}{notes}</div>'


def _figure(block: Picture) -> str:
    kind, data = ("svg+xml", block.svg) if block.svg else ("png", block.png)
    source = f"data:image/{kind};base64,{b64encode(data).decode('ascii')}"
    width = round(96.0 * block.width)
    return (
        f'<figure id="figure-{block.name}"><img src="{source}" alt="{escape(block.alt)}" '
        f'width="{width}"><figcaption>{escape(block.caption)}</figcaption></figure>'
    )


def _math(line: tuple[Piece, ...], text: str) -> str:
    """A line of an equation as MathML; its text is there for those who cannot see it."""
    inner = "".join(_piece(piece) for piece in line)
    return f'<math display="block" alttext="{escape(text)}"><mrow>{inner}</mrow></math>'


def _piece(piece: Piece) -> str:
    text = escape(piece.text)
    if piece.of:
        return f"<msub><mi>{text}</mi><mtext>{escape(piece.of)}</mtext></msub>"
    if piece.kind == "operator":
        return f'<mo lspace="0.28em" rspace="0.28em">{text}</mo>'
    tag = "mi" if piece.kind == "symbol" else "mtext"
    return f"<{tag}>{text}</{tag}>"
