"""Pages of a site from plain text: a title, paragraphs, and links as ``[words](address)``."""

import html
import re

_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")


def render(text: str, footer: str = "") -> str:
    """A page: its first line is the title, what is between empty lines a paragraph."""
    title, _, body = html.escape(text.strip()).partition("\n")
    paragraphs = [_LINK.sub(r'<a href="\2">\1</a>', each.strip()) for each in body.split("\n\n") if each.strip()]
    return "\n".join(
        [
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>',
            f"<h1>{title}</h1>",
            *(f"<p>{each}</p>" for each in paragraphs),
            f"<footer>{html.escape(footer)}</footer></html>\n",
        ]
    )


def links(page: str) -> list[str]:
    """The addresses that a page leads to, in order."""
    return re.findall(r'href="([^"]+)"', page)
