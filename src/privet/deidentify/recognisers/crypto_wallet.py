"""Addresses of Bitcoin and Ethereum wallets."""

from privet.deidentify.checksums import base58check, bech32
from privet.deidentify.recogniser import Recogniser


def is_valid(text: str) -> bool:
    """Whether Bitcoin's checksum holds; Ethereum's needs a hash that Python lacks, and 40 hexadecimals say enough.

    >>> is_valid("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"), is_valid("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mda")
    (True, False)
    """
    if text.startswith("0x"):
        return len(set(text[2:].lower())) > 4
    if text[:3].lower() == "bc1":
        return text in (text.lower(), text.upper()) and bech32(text)
    return base58check(text)


RECOGNISER = Recogniser(
    name="crypto_wallet",
    label="crypto wallet address",
    pattern=(
        r"(?<![.\-])(?:[13][1-9A-HJ-NP-Za-km-z]{25,34}|0x[0-9A-Fa-f]{40}|bc1[02-9ac-hj-np-z]{38,71}|BC1[02-9AC-HJ-NP-Z]{38,71})"
        r"(?![A-Za-z0-9])"
    ),
    source="Bitcoin base58check; BIP 173 and BIP 350 (bech32, bech32m); EIP-55 (form only)",
    score=0.97,
    begins="0{1,34}[Aa]|0{26,35}(?![0Aa])|(?:aa|AA)0",
    hints=("wallet", "bitcoin", "btc", "ethereum", "eth", "crypto", "錢包", "钱包"),
    validate=is_valid,
)
