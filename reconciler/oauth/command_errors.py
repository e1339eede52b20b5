"""Show what a store's command printed to stderr, without anything that could be a part of a token.

Which words are tokens cannot be known: the command may print a document that was never seen here, in pieces of any
length. So only words of a fixed list are shown, small numbers, addresses of servers, and names that are `known`.
"""

from __future__ import annotations

import re
from collections.abc import Collection

HIDDEN = "(hidden)"
_AROUND = "()[]{}<>,;:.'\"`"
"""Punctuation around a word."""
_NUMBER = re.compile(r"[0-9]{1,3}")
"""A line, an exit status, a status of HTTP."""
_ADDRESS = re.compile(r"(https?://[a-z0-9-]{1,40}(?:\.[a-z0-9-]{1,40}){1,8}(?::[0-9]{1,5})?)(?:[/?#].*)?")
"""A user name in an address would be hidden with it."""
_WORDS = frozenset(
    """
    a able aborted accept accepted access accessible account action active after again all allowed already an and any
    api app application are argument arguments as assigned at attempt auth authenticate authenticated authentication
    authorization authorize authorized az bad be because been before body broken bytes by call caller can cannot
    certificate check client closed code command connect connection contains content could credential credentials
    current curl data decode default denied device did directory disabled disk dns does down during empty enabled
    encrypted end enough environment error errors exceeded exec execute exist exists exit expected expired failed
    failure fatal file filesystem find follow following for forbidden format found from full get gh given had handshake
    has have help host host's http https id identity if in incorrect input insufficient integration internal into
    invalid is issue issuer it json key left limit limited line list local locked log logged login logout make many
    maximum memory message method missing module more must name namespace need needed network no none not null
    number of off on op open operation option or order organization other out output parameter parse parsing password
    path permission permissions permitted personal please policy port principal problem protocol provide provided
    proxy put quota rate read read-only reason refused rejected remote repository request requested required requires
    reset resolve resource response retry role route run running scope script secret secrets self-signed server
    service session set setting signed signing sign space ssl started state status stdin stdout stop stopped
    store stream string subscription such support supported syntax system temporarily temporary tenant than that the
    then there this time timed timeout tls to token too try type unable unavailable unauthorized unbound unexpected
    unknown unreachable unset unsupported update url usage use used user using valid validation value variable vault
    verb verification verify version was were when while with without write wrong yet you your
    """.split()
)


def show_errors(said: str, known: Collection[str]) -> str:
    """Return the harmless words of `said`, with `HIDDEN` for each run of others; "" if no word is harmless."""
    shown: list[str] = []
    for word in said.split():
        harmless = _show_word(word, known)
        if harmless != HIDDEN or not shown or shown[-1] != HIDDEN:
            shown.append(harmless)
    return " ".join(shown) if any(word != HIDDEN for word in shown) else ""


def _show_word(word: str, known: Collection[str]) -> str:
    bare = word.strip(_AROUND)
    if bare.casefold() in _WORDS or bare in known or _NUMBER.fullmatch(bare):
        return word
    address = _ADDRESS.fullmatch(bare)
    return address[1] if address is not None and "@" not in bare else HIDDEN
