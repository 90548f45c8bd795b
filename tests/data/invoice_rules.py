"""What a sample invoice is checked by: tax ids, number forms, the truth file, the audit."""
import hashlib
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")


def money(value):
    """Rounded half-up to minor units."""
    return Decimal(value).quantize(CENT, ROUND_HALF_UP)


# --- tax ids: made up, with the check digits that real ones have ---

def vkn(nine):
    """A Turkish tax number from its first nine digits."""
    total = 0
    for i, digit in enumerate(nine):
        moved = (int(digit) + 9 - i) % 10
        weighted = moved * 2 ** (9 - i) % 9
        total += 9 if moved and not weighted else weighted
    assert len(nine) == 9
    return nine + str(-total % 10)


def tckn(nine):
    """A Turkish identity number from its first nine digits."""
    digits = [int(d) for d in nine]
    assert len(digits) == 9 and digits[0] != 0
    digits.append((sum(digits[0::2]) * 7 - sum(digits[1::2])) % 10)
    digits.append(sum(digits) % 10)
    return "".join(map(str, digits))


def german_vat(eight):
    """A German VAT id from its first eight digits (ISO 7064, mod 11,10)."""
    product = 10
    for digit in eight:
        total = (int(digit) + product) % 10 or 10
        product = 2 * total % 11
    assert len(eight) == 8
    return f"DE{eight}{(11 - product) % 10}"


def british_vat(seven):
    """A British VAT number from its first seven digits (mod 97)."""
    total = sum(int(d) * w for d, w in zip(seven, range(8, 1, -1)))
    assert len(seven) == 7
    return f"GB{seven}{-total % 97:02d}"


def iban(country, rest):
    """An IBAN with its check digits, in groups of four."""
    text = "".join(str(int(c, 36)) for c in rest + country + "00")
    whole = f"{country}{98 - int(text) % 97:02d}{rest}"
    return " ".join(whole[i:i + 4] for i in range(0, len(whole), 4))


assert vkn("123456789") == "1234567890" and tckn("100000001") == "10000000146"
assert british_vat("9999999") == "GB999999973" and german_vat("13669597") == "DE136695976"


# --- numbers as they are printed ---

def printed(value, language, places=None):
    """1.234,56 in Turkish and 1,234.56 in English; places: at least the value's own, or 2."""
    if places is None:
        places = max(2, -value.as_tuple().exponent)
    text = f"{value:,.{places}f}"
    return text.translate(str.maketrans(",.", ".,")) if language == "tr" else text


def plain(value):
    return None if value is None else f"{value:f}"


# --- the truth file: SPEC §5's extraction ---

AMOUNTS = ("line_total", "tax_exclusive_amount", "tax_total", "tax_inclusive_amount",
           "withholding_total", "prepaid_amount", "rounding_amount", "payable_amount")
HEAD = ("invoice_number", "ettn", "issue_date", "due_date", "period_start", "period_end", "currency")
CRITICAL = ("invoice_number", "issue_date", "currency", "tax_exclusive_amount", "tax_total",
            "tax_inclusive_amount", "payable_amount")


def confidence(*about):
    """Between 0.93 and 0.99, always the same for the same thing."""
    return (93 + hashlib.sha256("/".join(about).encode()).digest()[0] % 7) / 100


def truth_field(name, key, value, evidence, given=None):
    sure = given if given is not None else confidence(name, key)
    evidence = evidence if value is not None else ""
    assert len(evidence) <= 120, evidence
    return {"value": value, "confidence": sure, "evidence": evidence}


# --- the audit: SPEC §6 with its default thresholds ---

def computed_total(truth):
    total = sum(Decimal(line["net_amount"]) for line in truth["lines"])
    total -= sum(Decimal(a["amount"]) for a in truth["allowances"])
    total += sum(Decimal(c["amount"]) for c in truth["charges"])
    return total + sum(Decimal(t["amount"]) for t in truth["taxes"] if not t["withheld"])


def slipped(stated, computed):
    if computed == 0:
        return False
    powers = (Decimal(10) ** k for k in (-3, -2, -1, 1, 2, 3))
    return any(abs(stated / computed - p) <= p / 100 for p in powers)


def audit(truth):
    """{outcome, severity, suspect_reason, action_class, delta} of an extraction."""
    result = {"outcome": "failed", "severity": None, "suspect_reason": None, "action_class": None, "delta": None}
    if "refusal" in truth:
        return result
    stated, computed = Decimal(truth["tax_inclusive_amount"]["value"]), computed_total(truth)
    delta = abs(stated - computed)
    ratio = delta / max(abs(stated), CENT)
    small = delta < 10 and ratio < Decimal("0.005")
    result["delta"] = float(delta)
    if delta == 0:
        result["outcome"] = "exact"
    elif ratio < Decimal("0.05") and delta < 50:
        result["outcome"] = "rounding" if small else "minor"
    else:
        severe = (ratio >= Decimal("0.20") and delta >= 50) or delta >= 500
        present = [truth[key]["confidence"] for key in CRITICAL if truth[key]["value"] is not None]
        suspect = min(present) < 0.7 or slipped(stated, computed)
        result.update(outcome="mismatch", severity="S1" if severe else "S2")
        if suspect:
            result.update(suspect_reason="OCR_LOCALE_SUSPECT", action_class="VERIFY_OCR")
        else:
            result["action_class"] = "ACCEPT_ROUNDING_TOLERANCE" if small else "VERIFY_INVOICE_LOGIC"
    return result


# --- the amount in words, as Turkish invoices print it ---

ONES = ("", "Bir", "İki", "Üç", "Dört", "Beş", "Altı", "Yedi", "Sekiz", "Dokuz")
TENS = ("", "On", "Yirmi", "Otuz", "Kırk", "Elli", "Altmış", "Yetmiş", "Seksen", "Doksan")


def below_thousand(n):
    hundreds = n // 100
    text = "" if hundreds == 0 else ("Yüz" if hundreds == 1 else ONES[hundreds] + "Yüz")
    return text + TENS[n // 10 % 10] + ONES[n % 10]


def in_turkish(n):
    if n == 0:
        return "Sıfır"
    text = ""
    for size, name in ((1000000, "Milyon"), (1000, "Bin")):
        count, n = divmod(n, size)
        if count:
            text += ("" if name == "Bin" and count == 1 else below_thousand(count)) + name
    return text + below_thousand(n)


def amount_in_words(value):
    lira, kurus = divmod(int(abs(value) * 100), 100)
    return f"Yalnız #{in_turkish(lira)} TL {in_turkish(kurus)} Kr#"
