"""How do the programs that obtain certificates lay them out?"""

from pathlib import Path

import trustme


def as_the_program(ca: trustme.CA, root: Path) -> None:
    generation = root / "archive" / "example.com" / "20260101T000000Z-0a0b0c0d"
    lay(ca, generation / "fullchain.pem", generation / "privkey.pem")
    (root / "live").mkdir()
    (root / "live" / "example.com").symlink_to("../archive/example.com/20260101T000000Z-0a0b0c0d")
    (root / "state").mkdir()
    (root / "locks").mkdir()


def as_certbot(ca: trustme.CA, root: Path) -> None:
    archive, live = root / "archive" / "example.com", root / "live" / "example.com"
    lay(ca, archive / "fullchain1.pem", archive / "privkey1.pem")
    live.mkdir(parents=True)
    (live / "fullchain.pem").symlink_to("../../archive/example.com/fullchain1.pem")
    (live / "privkey.pem").symlink_to("../../archive/example.com/privkey1.pem")
    (root / "live" / "README").write_text("not a folder")


def as_folders(ca: trustme.CA, root: Path) -> None:
    lay(ca, root / "example.com" / "fullchain.pem", root / "example.com" / "privkey.pem")


def as_lego(ca: trustme.CA, root: Path) -> None:
    lay(ca, root / "certificates" / "example.com.crt", root / "certificates" / "example.com.key")
    (root / "certificates" / "example.com.issuer.crt").write_text("no key lies beside it")
    (root / "accounts").mkdir()


def as_lego_inside(ca: trustme.CA, root: Path) -> None:
    lay(ca, root / "example.com.crt", root / "example.com.key")


def as_a_secret(ca: trustme.CA, root: Path) -> None:
    lay(ca, root / "..2026" / "tls.crt", root / "..2026" / "tls.key")
    (root / "..data").symlink_to("..2026")
    (root / "tls.crt").symlink_to("..data/tls.crt")
    (root / "tls.key").symlink_to("..data/tls.key")


def as_secrets(ca: trustme.CA, root: Path) -> None:
    (root / "one").mkdir()
    as_a_secret(ca, root / "one")


LAYOUTS = (as_the_program, as_certbot, as_folders, as_lego, as_lego_inside, as_a_secret, as_secrets)


def lay(ca: trustme.CA, chain: Path, key: Path, name: str = "example.com") -> None:
    for path in (chain, key):
        path.parent.mkdir(parents=True, exist_ok=True)
    leaf = ca.issue_cert(name)
    chain.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    key.write_bytes(leaf.private_key_pem.bytes())
