"""ChaCha20: RFC 8439, the encryption example of section 2.4.2, the block of section 2.3.2 and test vector 1 of appendix A.1."""

from ebpf.program import ByteOrder

PLAIN = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
CIPHER = bytes.fromhex(
    "6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0bf91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d8"
    "07ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab77937365af90bbf74a35be6b40b8eedf2785e42874d"
)
BLOCK = bytes.fromhex(
    "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4ed2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"
)
ZERO_BLOCK = bytes.fromhex(
    "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"
)


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    key, one = bytes(range(32)), (1).to_bytes(4, "little")
    runs = (
        (key + one + bytes.fromhex("000000000000004a00000000"), PLAIN, CIPHER),
        (key + one + bytes.fromhex("000000090000004a00000000"), bytes(64), BLOCK),
        (bytes(48), bytes(64), ZERO_BLOCK),
        (bytes(48), ZERO_BLOCK[:3], bytes(3)),
        (bytes(48), b"", b""),
    )
    short = (bytes(47), 0, bytes(47))
    return [short, *((parameters + plain, (len(plain) + 63) // 64, parameters + cipher) for parameters, plain, cipher in runs)]
