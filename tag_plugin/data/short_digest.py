"""Eight bytes that stand for a text, where hundreds of thousands have to be remembered."""

from hashlib import blake2b


def short_digest(text: str) -> int:
    """64 bits of a text's hash."""
    return int.from_bytes(
        blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest(), "little"
    )
