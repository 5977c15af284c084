"""Which groups may a key exchange use? Mozilla's intermediate profile (5.7), told to OpenSSL by its configuration file.

The standard library can name one group at most (`set_ecdh_curve`, Python 3.14), pyOpenSSL 26 one as well; both
libraries read OPENSSL_CONF when they are loaded, so it must be in the environment of the process. It holds for upstream
connections, too.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "OPENSSL_CONF"
GROUPS = "X25519:P-256:P-384"
# Against recordings that are opened by a quantum computer one day. A question mark: where it is known (OpenSSL 3.3).
HYBRID = "?X25519MLKEM768"
HYBRID_SINCE = (3, 5)
_TEXT = """\
openssl_conf = gateway
[gateway]
ssl_conf = tls
[tls]
system_default = limits
[limits]
Groups = {groups}
"""


def limit_groups(environment: Mapping[str, str], private: Path) -> Mapping[str, str]:
    """The environment of a process that keeps to them; one with a configuration of the operator's own stays as it is."""
    if environment.get(VARIABLE):
        return environment
    has_hybrid = ssl.OPENSSL_VERSION_INFO[:2] >= HYBRID_SINCE
    path = private / "openssl.cnf"
    path.write_text(_TEXT.format(groups=f"{HYBRID}:{GROUPS}" if has_hybrid else GROUPS), encoding="ascii")
    return {**environment, VARIABLE: str(path)}
