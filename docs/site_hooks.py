"""What the site needs besides the pages as they are; mkdocs.yml names this file."""

import re

INLINE_CODE = re.compile(r"<code>[^<]*</code>")


def on_page_content(html: str, **_: object) -> str:
    r"""In tables `\|` stands for a bar; Python-Markdown leaves the backslash in code."""
    return INLINE_CODE.sub(lambda code: code[0].replace(r"\|", "|"), html)
