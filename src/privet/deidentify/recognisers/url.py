"""Web addresses, which name people through their pages and accounts."""

from privet.deidentify.recogniser import Recogniser

# Sentences go on after an address: closing punctuation is not part of it, nor is Chinese text.
_REST = r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*[A-Za-z0-9\-_~/#@$&+=%]"

RECOGNISER = Recogniser(
    name="url",
    label="web address",
    pattern=rf"(?:(?i:https?|ftp|wss?)://[A-Za-z0-9\[]{_REST}|(?i:www)\.[A-Za-z0-9\-]+\.{_REST})",
    source="RFC 3986, section 3",
    score=0.96,
    anchors=("scheme",),
    hints=("url", "website", "homepage", "網址", "网址"),
    direct=False,
)
