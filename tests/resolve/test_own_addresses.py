from pathlib import Path

from mesh_gateway.resolve.own_addresses import own_addresses
from mesh_gateway.routing.addresses import parse_ip

FIB_TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
Local:
  +-- 10.77.0.0/24 2 0 2
     |-- 10.77.0.0
        /24 link UNICAST
     |-- 10.77.0.1
        /32 host LOCAL
     |-- 127.0.0.1
        /32 host LOCAL
"""
IF_INET6 = "20010db8000000000000000000000007 02 40 00 80     eth0\n"


def test_the_kernel_is_asked_where_it_has_tables(tmp_path: Path) -> None:
    (tmp_path / "fib_trie").write_text(FIB_TRIE)
    (tmp_path / "if_inet6").write_text(IF_INET6)
    assert own_addresses(tmp_path) == {"10.77.0.1", "127.0.0.1", "2001:db8::7"}


def test_without_tables_the_hosts_name_is_looked_up(tmp_path: Path) -> None:
    found = own_addresses(tmp_path)
    assert found == {parse_ip(address) for address in found}
