"""Code in pages, highlighted by Pygments: classes only, coloured by static/css/components.css."""

from django import template
from django.utils.safestring import SafeString, mark_safe
from pygments import highlight as colour
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_by_name
from pygments.util import ClassNotFound

register = template.Library()

_FORMATTER = HtmlFormatter(nowrap=True)


@register.filter
def highlight(source: str, language: str = "text") -> SafeString:
    """Escaped and highlighted; a language that Pygments does not know stays plain."""
    try:
        lexer = get_lexer_by_name(language or "text")
    except ClassNotFound:
        lexer = TextLexer()
    # Safe: Pygments escapes every character of the source.
    return mark_safe(str(colour(source, lexer, _FORMATTER)).rstrip("\n"))  # noqa: S308
