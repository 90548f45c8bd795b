"""Reads the UN/CEFACT Cross Industry Invoice that a ZUGFeRD PDF carries into an extraction
(SPEC §5): what a perfect reader of the page would find."""
import decimal
import pathlib
import re
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as ET

EMBEDDED = re.compile(r"^(\d+): (?:factur-x|xrechnung|zugferd-invoice)\.xml$", re.MULTILINE)
CREDIT_NOTES = ("381", "261", "396")  # 389, a German "Gutschrift", is an invoice
NAMESPACE = re.compile(r"\{[^}]*\}")


def available():
    """Whether pdfdetach (poppler-utils) is there."""
    return shutil.which("pdfdetach") is not None


def embedded_xml(pdf):
    """The invoice's XML, or None where the PDF holds none."""
    listed = subprocess.run(["pdfdetach", "-list", str(pdf)], capture_output=True, text=True, check=True)
    found = EMBEDDED.search(listed.stdout)
    if not found:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch) / "invoice.xml"
        subprocess.run(["pdfdetach", "-save", found.group(1), "-o", str(out), str(pdf)], check=True)
        return out.read_bytes()


class Cii:
    """One invoice; names are CII's without their namespaces.

    credit_note: as the credit note that takes the whole invoice back.
    """

    def __init__(self, xml, credit_note=False):
        self.root = ET.fromstring(xml)
        for element in self.root.iter():
            element.tag = NAMESPACE.sub("", element.tag)
        self.document = self.root.find("ExchangedDocument")
        self.trade = self.root.find("SupplyChainTradeTransaction")
        self.agreement = self.trade.find("ApplicableHeaderTradeAgreement")
        self.settlement = self.trade.find("ApplicableHeaderTradeSettlement")
        self.sums = self.settlement.find("SpecifiedTradeSettlementHeaderMonetarySummation")
        # SPEC §6: credit notes are negative; CII states them without the sign.
        self.sign = -1 if credit_note or text(self.document, "TypeCode") in CREDIT_NOTES else 1

    def amount(self, element, path):
        return signed(text(element, path), self.sign)

    def total(self, name):
        return field(self.amount(self.sums, name))

    def extraction(self):
        allowances, charges = self.allowances_and_charges()
        period = self.settlement.find("BillingSpecifiedPeriod")
        return {
            "seller": party(self.agreement.find("SellerTradeParty")),
            "buyer": party(self.agreement.find("BuyerTradeParty")),
            "invoice_number": field(text(self.document, "ID")),
            "ettn": field(None),
            "issue_date": field(day(self.document.find("IssueDateTime"))),
            "due_date": field(day(self.settlement.find("SpecifiedTradePaymentTerms/DueDateDateTime"))),
            "period_start": field(day(within(period, "StartDateTime"))),
            "period_end": field(day(within(period, "EndDateTime"))),
            "currency": field(text(self.settlement, "InvoiceCurrencyCode")),
            "lines": [self.line(item) for item in self.trade.findall("IncludedSupplyChainTradeLineItem")],
            "allowances": allowances,
            "charges": charges,
            "taxes": [self.tax(tax) for tax in self.settlement.findall("ApplicableTradeTax")],
            "line_total": self.total("LineTotalAmount"),
            "tax_exclusive_amount": self.total("TaxBasisTotalAmount"),
            "tax_total": self.total("TaxTotalAmount"),
            "tax_inclusive_amount": self.total("GrandTotalAmount"),
            "withholding_total": field(None),
            "prepaid_amount": self.total("TotalPrepaidAmount"),
            "rounding_amount": self.total("RoundingAmount"),
            "payable_amount": self.total("DuePayableAmount"),
        }

    def line(self, item):
        delivery = item.find("SpecifiedLineTradeDelivery/BilledQuantity")
        price = item.find("SpecifiedLineTradeAgreement/NetPriceProductTradePrice")
        settlement = item.find("SpecifiedLineTradeSettlement")
        description = text(item, "SpecifiedTradeProduct/Name") or ""
        return {
            "description": description[:200],
            "quantity": signed(delivery.text, self.sign),
            "unit": delivery.get("unitCode"),
            "unit_price": price_of_one(price),
            "net_amount": self.amount(
                settlement, "SpecifiedTradeSettlementLineMonetarySummation/LineTotalAmount"),
            "tax_rate": text(settlement, "ApplicableTradeTax/RateApplicablePercent"),
            "confidence": 0.95,
            "evidence": description[:120],
        }

    def allowances_and_charges(self):
        both = {"false": [], "true": []}
        for entry in self.settlement.findall("SpecifiedTradeAllowanceCharge"):
            both[text(entry, "ChargeIndicator/Indicator")].append({
                "reason": text(entry, "Reason") or "",
                "amount": self.amount(entry, "ActualAmount"),
            })
        return both["false"], both["true"]

    def tax(self, tax):
        return {
            "name": text(tax, "TypeCode") or "VAT",
            "taxable_amount": self.amount(tax, "BasisAmount"),
            "rate": text(tax, "RateApplicablePercent"),
            "amount": self.amount(tax, "CalculatedAmount"),
            "withheld": False,
            "confidence": 0.95,
        }


def text(element, path):
    value = element.findtext(path)
    return value.strip() if value and value.strip() else None


def within(element, path):
    return None if element is None else element.find(path)


def signed(amount, sign):
    return None if amount is None else str(sign * decimal.Decimal(amount.strip()))


def price_of_one(price):
    """The net price, where it is for more than one unit divided by that quantity."""
    amount = decimal.Decimal(text(price, "ChargeAmount"))
    basis = decimal.Decimal(text(price, "BasisQuantity") or "1")
    return str(amount if basis == 1 else (amount / basis).quantize(decimal.Decimal("1e-6")))


def day(element):
    value = None if element is None else text(element, "DateTimeString")
    return None if value is None else f"{value[:4]}-{value[4:6]}-{value[6:8]}"


def party(element):
    numbers = {e.find("ID").get("schemeID"): e.findtext("ID").strip()
               for e in element.findall("SpecifiedTaxRegistration")}
    return {"name": field(text(element, "Name")),
            "tax_id": field(numbers.get("VA") or numbers.get("FC"))}


def field(value):
    return {"value": value, "confidence": 0.95, "evidence": (value or "")[:120]}
