"""The families one can fit, as a table."""

import inspect
import re

from henderson.families.registry import FAMILIES

_LINKS = re.compile(r"Links?:")


def family_table() -> dict[str, list[str]]:
    """The families one can fit, and what they are.

    Returns
    -------
    dict of columns
        `family`, `what`, `moments` (mean, variance and support), `links` (the default first),
        `dispersion` (what its parameter is, if there is one). A dict makes a table of any kind:
        ``pandas.DataFrame(hd.families.family_table())``.

    Examples
    --------
    >>> import henderson as hd
    >>> table = hd.families.family_table()
    >>> table["moments"][table["family"].index("poisson")]
    'E(y) = Var(y) = μ. y in 0, 1, 2, ...'
    """
    columns: dict[str, list[str]] = {
        name: [] for name in ("family", "what", "moments", "links", "dispersion")
    }
    for name, family in FAMILIES.items():
        paragraphs = (inspect.getdoc(family) or "").split("\n\n")
        moments = next((p for p in paragraphs if p.startswith("E(y")), "")
        columns["family"].append(name)
        columns["what"].append(" ".join(paragraphs[0].split()))
        columns["moments"].append(_LINKS.split(" ".join(moments.split()))[0].strip())
        columns["links"].append(", ".join(family.links))
        columns["dispersion"].append(family.dispersion_label)
    return columns
