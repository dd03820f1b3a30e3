"""Legal forms of companies as they stand in names, folded: small letters without accents and signs, letters that stood
alone joined. Pure."""

WORDS = frozenset((
    "ab", "ad", "ae", "ag", "aksjeselskap", "aktiebolag", "aktiengesellschaft", "aktieselskab", "aps", "as", "asa",
    "berhad", "bhd", "bt", "bv", "bvba", "cic", "cjsc", "co", "company", "corp", "corporation", "cv", "dd", "dmcc",
    "doo", "ead", "eg", "ehf", "eireli", "eood", "epe", "eurl", "ev", "fzco", "fze", "fzllc", "gbr", "ggmbh", "gk",
    "gmbh", "hb", "hf", "ike", "inc", "incorporated", "is", "jsc", "kb", "kft", "kg", "kgaa", "kk", "ks", "lda",
    "limited", "llc", "lllp", "llp", "lp", "ltd", "ltda", "mbh", "npc", "nv", "nyrt", "ohf", "ohg", "ojsc", "ood",
    "osakeyhtio", "ou", "oy", "oyj", "pc", "persero", "pjsc", "plc", "pllc", "psc", "pte", "pty", "publ", "pvt", "rf",
    "sa", "sab", "sae", "saoc", "saog", "sapa", "sarl", "sas", "sasu", "sau", "sc", "sca", "scop", "sdn", "se", "sgps",
    "sia", "sl", "slp", "slu", "snc", "spa", "sprl", "spzoo", "srl", "sro", "sti", "tbk", "tov", "uab", "ug", "ulc",
    "unlimited", "vof", "wll", "yk", "zao", "zrt",
    "\u0437\u0430\u043e", "\u043e\u0430\u043e", "\u043e\u043e\u043e", "\u043f\u0430\u043e",  # ZAO, OAO, OOO, PAO
))  # fmt: skip
PHRASES = tuple(tuple(phrase.split()) for phrase in (
    "anonim sirketi", "besloten vennootschap", "fz llc", "gesellschaft mit beschrankter haftung", "godo kaisha",
    "kabushiki kaisha", "limited liability", "naamloze vennootschap", "private limited", "proprietary limited",
    "public limited", "s de rl", "s de rl de cv", "sa de cv", "sab de cv", "sapi de cv", "sociedad anonima",
    "sociedad limitada", "sociedade anonima", "societa a responsabilita limitata", "societa per azioni",
    "societe anonyme", "societe par actions simplifiee", "sp j", "sp k", "sp zoo", "spol sro", "spolka akcyjna",
    "spolka z ograniczona odpowiedzialnoscia",
))  # fmt: skip
LEADING = frozenset((
    "oao", "ooo", "pao", "pt", "tov", "uab", "zao",
    "\u0437\u0430\u043e", "\u043e\u0430\u043e", "\u043e\u043e\u043e", "\u043f\u0430\u043e",
))  # fmt: skip
GLUED = ("株式会社", "有限会社", "合同会社", "股份有限公司", "有限公司", "주식회사")  # written to the name
