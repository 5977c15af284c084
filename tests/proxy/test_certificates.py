"""Which certificate serves which name, and what never serves? Real files, made by a CA of the test's own."""

import contextlib
import os
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from OpenSSL import SSL

from mesh_gateway.proxy.certificates import shelf as shelf_module
from mesh_gateway.proxy.certificates.contexts import bare_context
from mesh_gateway.proxy.certificates.greeting import KEYS_LIVE_SECONDS, Greeting
from mesh_gateway.proxy.certificates.pair import CertificateFileError, Pair, make_certificate, read_pair, stamp
from mesh_gateway.proxy.certificates.places import find_places
from mesh_gateway.proxy.certificates.shelf import Outlook, Shelf
from mesh_gateway.proxy.certificates.table import Certificates
from tests.rig.pairs import SPOILED, Spoil, issue, write

PIECE = 1 << 16


@dataclass
class Bench:
    """A shelf over a folder, and its clock."""

    root: Path
    default: str = ""
    seconds: float = 0.0
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    shelf: Shelf = field(init=False)

    def __post_init__(self) -> None:
        self.shelf = Shelf(self.root, self.default, lambda: self.seconds, lambda: self.now)

    def look(self, *, anew: bool = False) -> Outlook:
        self.seconds += 1
        return self.shelf.look(anew=anew)

    def look_twice(self) -> Outlook:
        """What is broken is told of when it still is at the second look; the counts of both."""
        first, second = self.look(), self.look()
        return Outlook(
            second.table,
            first.changed or second.changed,
            first.successes + second.successes,
            first.failures + second.failures,
            second.refused,
            second.unsettled,
        )


def load(root: Path, default: str = "") -> Certificates:
    return Bench(root, default).look().table


def serial_of(table: Certificates, host: str) -> int | None:
    found = table.covering(host)
    return found.serial if found else None


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def store(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two domains, one wildcard below a tenant."""
    folder = tmp_path_factory.mktemp("store")
    issue(ca, folder / "main", "example.com", "*.example.com")
    issue(ca, folder / "alice", "*.alice.example.com")
    issue(ca, folder / "other", "other.org")
    return folder


# Selection.

SELECTED = {
    "example.com": "main",
    "alice.example.com": "main",
    "ALICE.Example.COM": "main",
    "alice.example.com.": "main",
    "app-alice.example.com": "main",
    "app.alice.example.com": "alice",
    "x.app.alice.example.com": None,
    "app.bob.example.com": None,
    "other.org": "other",
    "www.other.org": None,
    "evil.org": None,
    "com": None,
    "": None,
    None: None,
}


@pytest.mark.parametrize("name", SELECTED)
@pytest.mark.parametrize("default", ["", "other"])
def test_a_name_gets_the_certificate_that_is_valid_for_it(store: Path, name: str | None, default: str) -> None:
    selected = load(store, default).select(name)
    assert (selected.name if selected else "") == (SELECTED[name] or default)


SAME = {
    ("alice.example.com", "alice.example.com"): True,
    ("alice.example.com", "bob.example.com"): True,
    ("ALICE.example.com", "alice.example.com"): True,
    ("alice.example.com", "app.alice.example.com"): False,
    ("app.alice.example.com", "x.alice.example.com"): True,
    ("alice.example.com", "other.org"): False,
    ("alice.example.com", "evil.org"): False,
    ("evil.org", "evil.org"): True,
    (None, "alice.example.com"): False,
    (None, "evil.org"): False,
}


@pytest.mark.parametrize(("server_name", "host"), SAME)
def test_a_connection_carries_what_its_certificate_is_valid_for(
    store: Path, server_name: str | None, host: str
) -> None:
    assert load(store).are_same(server_name, host) == SAME[server_name, host]


SAME_WITH_DEFAULT = {
    (None, "evil.org"): True,
    ("evil.org", "elsewhere.org"): True,
    (None, "other.org"): True,
    (None, "alice.example.com"): False,
    ("alice.example.com", "evil.org"): False,
}


@pytest.mark.parametrize(("server_name", "host"), SAME_WITH_DEFAULT)
def test_a_connection_with_the_default_certificate_carries_what_has_no_other(
    store: Path, server_name: str | None, host: str
) -> None:
    assert load(store, "other").are_same(server_name, host) == SAME_WITH_DEFAULT[server_name, host]


def test_the_certificate_issued_last_gets_a_name_that_several_cover(ca: trustme.CA, tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    for name, age in (("b-old", 20), ("a-new", 10), ("c-old", 30)):
        leaf = ca.issue_cert("example.com", not_before=now - timedelta(days=age), not_after=now + timedelta(days=60))
        (tmp_path / name).mkdir()
        write(tmp_path / name, chain=leaf.cert_chain_pems[0].bytes(), key=leaf.private_key_pem.bytes())
    found = load(tmp_path).covering("example.com")
    assert found
    assert found.name == "a-new"


def issue_for(ca: trustme.CA, folder: Path, name: str, *, days_ago: int, ends: datetime) -> None:
    leaf = ca.issue_cert(name, not_before=ends - timedelta(days=days_ago), not_after=ends)
    folder.mkdir()
    write(folder, chain=leaf.cert_chain_pems[0].bytes(), key=leaf.private_key_pem.bytes())


@pytest.mark.parametrize("valid", ["www.example.com", "*.example.com"], ids=["the same name", "a wildcard"])
def test_one_that_has_ended_gives_its_names_to_those_that_are_valid(ca: trustme.CA, tmp_path: Path, valid: str) -> None:
    bench = Bench(tmp_path)
    ends = bench.now.replace(microsecond=0) + timedelta(hours=1)
    issue_for(ca, tmp_path / "long", valid, days_ago=90, ends=ends + timedelta(days=60))
    issue_for(ca, tmp_path / "short", "www.example.com", days_ago=6, ends=ends)
    issue_for(ca, tmp_path / "alone", "alone.org", days_ago=6, ends=ends)

    def serving() -> tuple[bool, list[str]]:
        found = bench.look()
        chosen = (found.table.select("www.example.com"), found.table.select("alone.org"))
        return found.changed, [each.name for each in chosen if each]

    assert serving() == (True, ["short", "alone"])
    bench.now = ends
    assert serving() == (False, ["short", "alone"])
    bench.now += timedelta(seconds=1)
    assert serving() == (True, ["long", "alone"])
    assert serving() == (False, ["long", "alone"])
    bench.now = ends  # the clock was set back
    assert serving() == (True, ["short", "alone"])


# Layouts.


def test_what_a_folder_is_called_forges_no_line_of_the_log(
    ca: trustme.CA, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = ("a\nb", "c\x1b[2J", "d\u202e", os.fsdecode(b"e\xff"))
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "fullchain.pem").touch()
    lego = tmp_path / "f\rg.crt"
    lego.touch()
    lego.with_suffix(".key").touch()
    found = Bench(tmp_path).look()
    assert sorted(found.refused) == ["a\\nb", "c\\x1b[2J", "d\\u202e", "e\\udcff", "f\\rg"]
    assert len(caplog.records) == len(found.refused)
    assert all(record.getMessage().isprintable() for record in caplog.records)


def lay(ca: trustme.CA, chain: Path, key: Path, name: str = "example.com") -> None:
    for path in (chain, key):
        path.parent.mkdir(parents=True, exist_ok=True)
    leaf = ca.issue_cert(name)
    chain.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    key.write_bytes(leaf.private_key_pem.bytes())


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


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_each_programs_way_to_lay_certificates_out_is_understood(ca: trustme.CA, tmp_path: Path, layout: Spoil) -> None:
    layout(ca, tmp_path)
    found = Bench(tmp_path).look()
    assert (len(found.table), found.successes, found.failures) == (1, 1, 0)
    assert found.table.covering("example.com")


def test_two_layouts_that_hold_the_same_name_serve_side_by_side(ca: trustme.CA, tmp_path: Path) -> None:
    as_the_program(ca, tmp_path)
    as_folders(ca, tmp_path)
    assert {place.name for place in find_places(tmp_path)} == {"example.com", "example.com/fullchain.pem"}
    assert len(load(tmp_path)) == 2


def test_no_more_places_than_a_table_has_room_for_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mesh_gateway.proxy.certificates.places.MOST_PLACES", 3)
    for number in range(5):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "fullchain.pem").touch()
    assert len(find_places(tmp_path)) == 3


def test_a_swap_of_the_folders_link_is_one_generation(ca: trustme.CA, tmp_path: Path) -> None:
    as_the_program(ca, tmp_path)
    (place,) = find_places(tmp_path)
    before = read_pair(place)
    issue(ca, tmp_path / "archive" / "example.com" / "next", "example.com")
    (tmp_path / "live" / "next").symlink_to("../archive/example.com/next")
    (tmp_path / "live" / "next").rename(tmp_path / "live" / "example.com")
    after = read_pair(place)
    assert before != after
    make_certificate(after, datetime.now(UTC))


# Loading.


def test_what_is_loaded_is_counted_and_its_first_end_known(ca: trustme.CA, tmp_path: Path) -> None:
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    issue(ca, tmp_path / "long", "long.example.com")
    issue(ca, tmp_path / "short", "short.example.com", not_after=soon)
    found = Bench(tmp_path).look()
    assert (len(found.table), found.successes, found.table.first_not_after) == (2, 2, soon)


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    found = Bench(tmp_path / "missing").look()
    assert (len(found.table), found.failures, found.table.first_not_after) == (0, 0, None)
    assert found.table.select("alice.example.com") is None


def test_a_folder_that_cannot_be_read_is_told_once_and_takes_nothing_away(
    ca: trustme.CA, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root, aside = tmp_path / "root", tmp_path / "aside"
    issue(ca, root / "main", "example.com")
    bench = Bench(root)
    bench.look()
    root.rename(aside)
    root.symlink_to(root)  # a loop of links: an error even for root, who may read everything
    assert len(bench.look().table) == 1
    assert bench.look().failures == 0
    assert caplog.text.count("cannot be looked for") == 1
    root.unlink()
    aside.rename(root)
    assert len(bench.look().table) == 1


def test_what_is_no_certificate_folder_is_passed_over(ca: trustme.CA, tmp_path: Path) -> None:
    (tmp_path / "accounts").mkdir()
    (tmp_path / "note.txt").write_text("not a folder")
    issue(ca, tmp_path / "good", "example.com")
    found = Bench(tmp_path).look()
    assert (len(found.table), found.failures) == (1, 0)


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_what_cannot_serve_at_the_start_is_left_out_and_the_others_serve(
    ca: trustme.CA, tmp_path: Path, spoil: Spoil, caplog: pytest.LogCaptureFixture
) -> None:
    issue(ca, tmp_path / "good", "good.org")
    spoil(ca, issue(ca, tmp_path / "bad", "example.com"))
    found = Bench(tmp_path).look()
    assert (len(found.table), found.failures, found.refused) == (1, 1, ("bad",))
    assert found.table.select("example.com") is None
    assert found.table.select("good.org")
    (record,) = caplog.records
    assert record.getMessage().startswith("certificate bad does not serve: ")
    assert "\n" not in record.getMessage()


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_the_certificate_from_before_serves_on_over_a_bad_one(
    ca: trustme.CA, tmp_path: Path, spoil: Spoil, caplog: pytest.LogCaptureFixture
) -> None:
    folder = issue(ca, tmp_path / "main", "example.com")
    bench = Bench(tmp_path)
    before = bench.look().table.covering("example.com")
    spoil(ca, folder)
    spoiled = bench.look_twice()
    assert spoiled.table.covering("example.com") is before
    assert (spoiled.failures, spoiled.refused) == (1, ("main",))
    assert "the one from before goes on" in caplog.text
    again = bench.look_twice()
    assert (again.failures, again.refused) == (0, ("main",))
    issue(ca, folder, "example.com")
    mended = bench.look_twice()
    assert (mended.successes, mended.refused) == (1, ())
    assert mended.table.covering("example.com") is not before


def test_a_pair_that_is_half_written_for_a_moment_is_no_fault(
    ca: trustme.CA, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = issue(ca, tmp_path / "main", "example.com")
    bench = Bench(tmp_path)
    before = serial_of(bench.look().table, "example.com")
    leaf = ca.issue_cert("example.com")
    (folder / "fullchain.pem").write_bytes(leaf.cert_chain_pems[0].bytes())
    between = bench.look()
    assert (between.failures, between.unsettled, serial_of(between.table, "example.com")) == (0, True, before)
    (folder / "privkey.pem").write_bytes(leaf.private_key_pem.bytes())
    after = bench.look()
    assert (after.successes, after.failures, after.unsettled) == (1, 0, False)
    assert serial_of(after.table, "example.com") != before
    assert not caplog.records


def test_a_certificate_for_quite_other_names_takes_no_ones_place_unless_asked(ca: trustme.CA, tmp_path: Path) -> None:
    folder = issue(ca, tmp_path / "main", "example.com")
    bench = Bench(tmp_path)
    bench.look()
    issue(ca, folder, "other.org")
    found = bench.look_twice()
    assert found.table.covering("example.com")
    assert found.table.covering("other.org") is None
    asked = bench.look(anew=True)
    assert asked.table.covering("other.org")


def test_a_name_that_a_new_certificate_lacks_is_told(
    ca: trustme.CA, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = issue(ca, tmp_path / "main", "example.com", "www.example.com")
    bench = Bench(tmp_path)
    bench.look()
    issue(ca, folder, "example.com")
    assert bench.look_twice().successes == 1
    assert "certificate main no longer covers www.example.com" in caplog.text


def test_what_did_not_change_keeps_its_contexts(ca: trustme.CA, tmp_path: Path) -> None:
    issue(ca, tmp_path / "one", "one.org")
    folder = issue(ca, tmp_path / "two", "two.org")
    bench = Bench(tmp_path)
    first = bench.look().table
    assert not bench.look().changed
    issue(ca, folder, "two.org")
    second = bench.look_twice()
    assert second.changed
    assert second.table.covering("one.org") is first.covering("one.org")
    assert second.table.covering("two.org") is not first.covering("two.org")


def test_a_change_within_one_tick_of_the_file_systems_clock_is_seen(ca: trustme.CA, tmp_path: Path) -> None:
    folder = issue(ca, tmp_path / "main", "example.com")
    bench = Bench(tmp_path)
    before = serial_of(bench.look().table, "example.com")
    (slot,) = bench.shelf._slots.values()
    assert not slot.settled
    issue(ca, folder, "example.com")
    (place,) = find_places(tmp_path)
    slot.seen = stamp(place)  # as if all stamps were the same
    assert serial_of(bench.look().table, "example.com") != before


def test_what_has_gone_serves_on_for_a_while(ca: trustme.CA, tmp_path: Path) -> None:
    folder = issue(ca, tmp_path / "main", "example.com")
    bench = Bench(tmp_path)
    bench.look()
    folder.rename(tmp_path.parent / "gone")
    assert len(bench.look().table) == 1
    bench.seconds += shelf_module.GONE_SECONDS
    found = bench.look()
    assert (len(found.table), found.changed) == (0, True)


def test_a_certificate_that_is_not_valid_yet_serves_when_it_is(ca: trustme.CA, tmp_path: Path) -> None:
    begins = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    leaf = ca.issue_cert("example.com", not_before=begins, not_after=begins + timedelta(days=1))
    (tmp_path / "main").mkdir()
    write(tmp_path / "main", chain=leaf.cert_chain_pems[0].bytes(), key=leaf.private_key_pem.bytes())
    bench = Bench(tmp_path)
    assert bench.look().failures == 1
    bench.now = begins
    bench.seconds += shelf_module.RETRY_SECONDS
    assert bench.look().successes == 1


def test_a_certificate_serves_from_its_first_to_its_last_moment(ca: trustme.CA, tmp_path: Path) -> None:
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    issue(ca, tmp_path / "main", "example.com", not_after=ends)
    (place,) = find_places(tmp_path)
    pair = read_pair(place)
    assert make_certificate(pair, ends).not_after == ends
    for moment in (ends + timedelta(seconds=1), datetime(1999, 1, 1, tzinfo=UTC)):
        with pytest.raises(CertificateFileError, match="valid from"):
            make_certificate(pair, moment)


def test_a_pipe_in_a_files_place_holds_nobody_up(ca: trustme.CA, tmp_path: Path) -> None:
    folder = issue(ca, tmp_path / "main", "example.com")
    (folder / "privkey.pem").unlink()
    os.mkfifo(folder / "privkey.pem")
    assert Bench(tmp_path).look().refused == ("main",)


def test_a_file_without_end_is_refused(ca: trustme.CA, tmp_path: Path) -> None:
    folder = issue(ca, tmp_path / "main", "example.com")
    with (folder / "fullchain.pem").open("ab") as file:
        file.truncate(1 << 30)
    assert Bench(tmp_path).look().refused == ("main",)


def test_a_key_is_never_shown(ca: trustme.CA) -> None:
    key = ca.issue_cert("example.com").private_key_pem.bytes()
    assert repr(Pair("main", b"chain", key)) == "Pair('main')"


def test_a_default_that_is_not_there_is_told_and_serves_nobody(store: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert load(store, "missing").select("evil.org") is None
    assert "DEFAULT_CERTIFICATE missing" in caplog.text


# Handshakes, in memory.


def shake_hands(context: SSL.Context, client: ssl.SSLContext, server_name: str) -> ssl.SSLObject:
    """The client's end of a finished handshake; raises what either side has against it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(incoming, outgoing, server_hostname=server_name)
    there = SSL.Connection(context)
    there.set_accept_state()
    for _ in range(4):
        try:
            here.do_handshake()
            done = True
        except ssl.SSLWantReadError:
            done = False
        if sent := outgoing.read():
            there.bio_write(sent)
        try:
            there.do_handshake()
        except SSL.WantReadError:
            pass
        finally:
            _pump(there, incoming)
        if done:
            break
    return here


def _pump(source: SSL.Connection, sink: ssl.MemoryBIO) -> None:
    try:
        while True:
            sink.write(source.bio_read(PIECE))
    except SSL.WantReadError:
        pass


def trusting(ca: trustme.CA, *alpn: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


PROTOCOLS = {
    ("h2", "http/1.1"): "h2",
    ("http/1.1", "h2"): "h2",
    ("http/1.1",): "http/1.1",
    ("acme-tls/1",): None,
    (): None,
}


@pytest.mark.parametrize("offers", PROTOCOLS)
def test_the_gateway_chooses_the_protocol(ca: trustme.CA, store: Path, offers: tuple[str, ...]) -> None:
    certificate = load(store).select("alice.example.com")
    assert certificate
    tls = shake_hands(certificate.context, trusting(ca, *offers), "alice.example.com")
    assert tls.selected_alpn_protocol() == PROTOCOLS[offers]


def test_the_whole_chain_is_sent(ca: trustme.CA, store: Path) -> None:
    certificate = load(store).select("other.org")
    assert certificate
    assert shake_hands(certificate.context, trusting(ca), "other.org").version() == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(certificate.context, trusting(ca), "elsewhere.org")


def test_old_versions_and_weak_ciphers_are_refused(ca: trustme.CA, store: Path) -> None:
    certificate = load(store).select("other.org")
    assert certificate
    weak = trusting(ca)
    weak.maximum_version = ssl.TLSVersion.TLSv1_2
    assert shake_hands(certificate.context, weak, "other.org").version() == "TLSv1.2"
    weak.set_ciphers("ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA:AES128-GCM-SHA256")
    with pytest.raises((ssl.SSLError, SSL.Error)):
        shake_hands(certificate.context, weak, "other.org")


def test_without_a_certificate_a_handshake_ends_and_shows_none(ca: trustme.CA) -> None:
    blind = ssl.create_default_context()
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    with pytest.raises((ssl.SSLError, SSL.Error)):
        shake_hands(bare_context(), blind, "evil.org")


def test_a_table_without_certificates_covers_nothing() -> None:
    assert Certificates().covering("example.com") is None
    assert not Certificates().are_same("example.com", "other.org")


# Sessions.


class Fleet:
    """A greeting over a table that is swapped, and a client that remembers its sessions."""

    def __init__(self, table: Certificates) -> None:
        self.table = table
        self.seconds = 0.0
        self.greeting = Greeting(lambda name: self.table.select(name), lambda: self.seconds)  # noqa: PLW0108 - it is swapped


def resumed(fleet: Fleet, client: ssl.SSLContext, session: ssl.SSLSession | None) -> tuple[bool, ssl.SSLSession | None]:
    """A handshake on the fast path's side: whether it was short, and the session that it leaves."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(to_client, to_server, server_hostname="example.com", session=session)
    there = fleet.greeting.fast().wrap_bio(to_server, to_client, server_side=True)
    for _ in range(6):
        for end in (here, there):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    there.write(b"x")
    assert here.read(1) == b"x"  # TLS 1.3 sends its tickets before
    return bool(here.session_reused), here.session


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_goes_on_over_a_renewal_until_the_keys_have_their_day(
    ca: trustme.CA, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    folder = issue(ca, tmp_path / "main", "example.com")
    bench = Bench(tmp_path)
    fleet = Fleet(bench.look().table)
    client = trusting(ca)
    client.minimum_version = client.maximum_version = version
    first, session = resumed(fleet, client, None)
    again, session = resumed(fleet, client, session)
    issue(ca, folder, "example.com")
    fleet.table = bench.look_twice().table
    renewed, session = resumed(fleet, client, session)
    fleet.seconds += KEYS_LIVE_SECONDS
    next_day, _ = resumed(fleet, client, session)
    assert (first, again, renewed, next_day) == (False, True, True, False)


# Names that are none.


def greeted(greeting: Greeting, server_name: bytes) -> tuple[bytes, str]:
    """What the fast path answers a ClientHello with, and how its handshake ends."""
    client = SSL.Connection(bare_context(), None)
    client.set_connect_state()
    client.set_tlsext_host_name(server_name)
    with contextlib.suppress(SSL.WantReadError):
        client.do_handshake()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    incoming.write(client.bio_read(PIECE))
    with pytest.raises(ssl.SSLError) as caught:
        greeting.fast().wrap_bio(incoming, outgoing, server_side=True).do_handshake()
    return outgoing.read(), str(caught.value.reason)


@pytest.mark.parametrize("server_name", [b"a\xff.example.com", b"\xc3\xa9.example.com", b"\x80"])
def test_a_server_name_that_is_no_ascii_ends_with_an_alert_and_in_silence(
    store: Path, server_name: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", shown.append)
    sent, reason = greeted(Fleet(load(store)).greeting, server_name)
    # One record: an alert (RFC 8446 5.1), fatal.
    assert (sent[0], sent[3:6], len(sent)) == (0x15, b"\x00\x02\x02", 7)
    assert reason == "CALLBACK_FAILED"
    assert shown == []


def test_every_other_error_that_nobody_can_raise_is_shown_as_before(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", lambda unraisable: shown.append(type(unraisable.exc_value)))
    for _ in range(2):
        Fleet(load(store))  # the filter is put in once, whoever else is made

    class Broken:
        def __del__(self) -> None:
            b"\xff".decode("ascii")

    def broken(_: str | None) -> None:
        raise KeyError

    Broken()
    greeted(Greeting(broken, lambda: 0.0), b"example.com")
    assert shown == [UnicodeDecodeError, KeyError]


def test_the_flow_path_chooses_by_name_too(ca: trustme.CA, store: Path) -> None:
    fleet = Fleet(load(store))
    connection = fleet.greeting.flow("other.org")
    assert connection.get_context() is fleet.table.select("other.org").context  # type: ignore[union-attr] # it is there
    assert fleet.greeting.flow("evil.org").get_context().get_cert_store() is not None
