#!/usr/bin/python3
"""Makes the sample invoices: tests/data/invoices/NAME.pdf (png, jpg, webp), what a reader finds in each
(NAME.json, SPEC §5's extraction form), and what the audit must say of it (expected.json).  Without a
folder also lib/ops/smoke_invoice.c, which has one of them compiled in.

    /usr/bin/python3 tests/data/make_invoices.py [folder]

Needs python3-reportlab, python3-pil, poppler-utils and fonts-dejavu-core.  The same packages make the
same bytes.  Every document's intended outcome is asserted here, by a second implementation of SPEC §6.
"""
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import uuid
from dataclasses import dataclass, field
from decimal import Decimal as D

from PIL import Image, ImageFilter

import invoice_page
import invoice_rules
import smoke_page
from invoice_rules import (AMOUNTS, HEAD, british_vat, confidence, german_vat, iban, money, plain, printed, tckn,
                           truth_field, vkn)

HERE = pathlib.Path(__file__).resolve().parent
SMOKE = "smoke.pdf"  # also the invoice of the smoke run, compiled in
SMOKE_SOURCE = HERE.parents[1] / "lib" / "ops" / "smoke_invoice.c"
MAX_BYTES = 60 * 1000
TR_FOOTER = "{} izni kapsamında elektronik ortamda iletilmiştir. Örnek belge: kişi ve kurumlar hayalîdir."
EN_FOOTER = "Sample document. Persons and companies are fictional."


@dataclass
class Party:
    name: str
    tax_id: str
    address: tuple
    office: str = ""
    contact: tuple = ()

    @property
    def initials(self):
        return "".join(word[0] for word in self.name.split()[:2])

    def lines(self, language):
        if language == "en":
            tax = [f"VAT ID: {self.tax_id}"]
        else:
            kind = "TCKN" if len(self.tax_id) == 11 else "VKN"
            tax = [f"Vergi Dairesi: {self.office}", f"{kind}: {self.tax_id}"]
        return [*self.address, *self.contact, *tax]


@dataclass
class Line:
    description: str
    quantity: D
    unit: str
    unit_price: D
    tax_rate: D

    @property
    def exact(self):
        return self.quantity * self.unit_price

    @property
    def net(self):
        return money(self.exact)


@dataclass
class Tax:
    name: str
    base: D
    rate: D
    withheld: bool = False

    @property
    def amount(self):
        return money(self.base * self.rate / 100)


@dataclass
class Invoice:
    language: str
    title: str
    number: str
    currency: str
    seller: Party
    buyer: Party
    issue_date: str
    lines: list
    taxes: list
    due_date: str = None
    period: tuple = None
    allowances: list = field(default_factory=list)  # (reason, amount)
    charges: list = field(default_factory=list)
    prepaid: D = None
    line_total: D = None  # as stated; the sum of the lines where it is not given
    overstated: D = D(0)  # by how much the stated total is too high
    read: dict = field(default_factory=dict)  # what the reader misreads
    unsure: dict = field(default_factory=dict)  # confidences that are not high
    accent: str = "#1f4e79"
    scenario: str = "TEMELFATURA"
    kind: str = "SATIS"
    extra: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    smudge_at: float = 0  # mm from the top

    @property
    def ettn(self):
        return str(uuid.uuid5(uuid.NAMESPACE_URL, "https://mizan.example/" + self.number))

    @property
    def footer(self):
        return TR_FOOTER.format(self.title.split()[0]) if self.language == "tr" else EN_FOOTER

    @property
    def printed_totals(self):
        """What the page states."""
        line_total = self.line_total if self.line_total is not None else sum(line.net for line in self.lines)
        exclusive = line_total - sum(a for _, a in self.allowances) + sum(c for _, c in self.charges)
        tax = sum(t.amount for t in self.taxes if not t.withheld)
        withheld = sum(t.amount for t in self.taxes if t.withheld)
        inclusive = exclusive + tax + self.overstated
        return {
            "line_total": line_total, "tax_exclusive_amount": exclusive, "tax_total": tax,
            "tax_inclusive_amount": inclusive, "withholding_total": withheld or None,
            "prepaid_amount": self.prepaid, "rounding_amount": None,
            "payable_amount": inclusive - withheld - (self.prepaid or 0),
        }

    def total_rows(self):
        """(key, label, value) of each row of the totals; the key of a part is None."""
        labels, totals = invoice_page.LABELS[self.language], self.printed_totals
        charged = [tax for tax in self.taxes if not tax.withheld]

        def row(key, sign=""):
            return key, labels[key], sign + invoice_page.amount_text(self, totals[key])

        def tax_row(key, tax, sign=""):
            rate, base = invoice_page.percent_text(tax.rate, self.language), printed(tax.base, self.language)
            of = f"matrah {base}" if self.language == "tr" else f"on {base}"
            return key, f"{tax.name} {rate} ({of})", sign + invoice_page.amount_text(self, tax.amount)

        rows = [row("line_total")]
        rows += [(None, reason, "-" + invoice_page.amount_text(self, amount)) for reason, amount in self.allowances]
        rows += [(None, reason, invoice_page.amount_text(self, amount)) for reason, amount in self.charges]
        rows.append(row("tax_exclusive_amount"))
        rows += [tax_row("tax_total" if len(charged) == 1 else None, tax) for tax in charged]
        if len(charged) > 1:
            rows.append(row("tax_total"))
        rows.append(row("tax_inclusive_amount"))
        rows += [tax_row("withholding_total", tax, "-") for tax in self.taxes if tax.withheld]
        if self.prepaid:
            rows.append(row("prepaid_amount", "-"))
        return rows + [row("payable_amount")]

    def truth(self, name):
        """The extraction that a reader makes of the page."""
        labels, totals = invoice_page.LABELS[self.language], self.printed_totals

        def found(key, value, evidence):
            return truth_field(name, key, value, evidence, self.unsure.get(key))

        def party(kind, who):
            tax_label = "VAT ID" if self.language == "en" else "TCKN" if len(who.tax_id) == 11 else "VKN"
            return {"name": found(kind + ".name", who.name, who.name),
                    "tax_id": found(kind + ".tax_id", who.tax_id, f"{tax_label}: {who.tax_id}")}

        period = self.period or (None, None)
        head = {"invoice_number": self.number, "ettn": self.ettn if self.language == "tr" else None,
                "issue_date": self.issue_date, "due_date": self.due_date, "period_start": period[0],
                "period_end": period[1], "currency": self.currency}
        truth = {"seller": party("seller", self.seller), "buyer": party("buyer", self.buyer)}
        for key in HEAD:
            label, value = labels.get(key, labels["period"]), head[key]
            shown = invoice_page.printed_date(value, self.language) if value and value[4:5] == "-" else value
            truth[key] = found(key, value, f"{label} {shown}")
        truth["lines"] = [self.line_truth(name, i, line) for i, line in enumerate(self.lines)]
        truth["allowances"] = [{"reason": r, "amount": plain(a)} for r, a in self.allowances]
        truth["charges"] = [{"reason": r, "amount": plain(a)} for r, a in self.charges]
        truth["taxes"] = [{"name": t.name, "taxable_amount": plain(t.base), "rate": plain(t.rate),
                           "amount": plain(t.amount), "withheld": t.withheld,
                           "confidence": confidence(name, "tax", t.name)} for t in self.taxes]
        shown = {key: f"{label} {value}" for key, label, value in self.total_rows()}
        for key in AMOUNTS:
            truth[key] = found(key, self.read.get(key, plain(totals[key])), shown.get(key, ""))
        return truth

    def line_truth(self, name, i, line):
        shown = (f"{line.description[:70]} {invoice_page.quantity_text(line.quantity, self.language)} {line.unit} "
                 f"{printed(line.net, self.language)}")
        return {"description": line.description, "quantity": plain(line.quantity), "unit": line.unit,
                "unit_price": plain(line.unit_price), "net_amount": plain(line.net),
                "tax_rate": plain(line.tax_rate), "confidence": confidence(name, "line", str(i)),
                "evidence": shown[:120]}


def rows(text, rate):
    """Lines from `description | quantity | unit | unit price` rows."""
    lines = []
    for row in text.strip().splitlines():
        description, quantity, unit, price = (cell.strip() for cell in row.split("|"))
        lines.append(Line(description, D(quantity), unit, D(price), D(rate)))
    return lines


def net_of(lines):
    return sum(line.net for line in lines)


def bank(name, account):
    return f"Banka: {name}  IBAN: {iban('TR', '000990' + account)}"


POWER = Party("Kuzey Yıldızı Elektrik Perakende Satış A.Ş.", vkn("999000101"),
              ("Enerji Mah. Santral Cad. No: 12 Kat: 4", "55200 Atakum / Samsun"), "Gaziler",
              ("Tel: 0 362 000 00 12  www.kuzeyyildizi-elektrik.example",))
GRID = Party("Bozkır Rüzgârı Enerji Toptan Satış A.Ş.", vkn("999000202"),
             ("Organize Sanayi Bölgesi 3. Cad. No: 8", "26110 Odunpazarı / Eskişehir"), "Yunusemre",
             ("Tel: 0 222 000 00 08",))
BAKERY = Party("Çınaraltı Unlu Mamuller Gıda San. ve Tic. Ltd. Şti.", vkn("999000303"),
               ("Değirmen Sok. No: 5", "55060 İlkadım / Samsun"), "19 Mayıs")
WEAVER = Party("Özgüven Dokuma Tekstil Sanayi A.Ş.", vkn("999000404"),
               ("İpekyolu Bulvarı No: 140", "26250 Tepebaşı / Eskişehir"), "Taşbaşı")
TELECOM = Party("Turkuaz Haberleşme Hizmetleri A.Ş.", vkn("999000505"),
                ("Büyükdere Cad. No: 201 B Blok", "34394 Şişli / İstanbul"), "Büyük Mükellefler",
                ("Müşteri Hizmetleri: 0 850 000 05 05",))
PAPER = Party("Papirüs Kırtasiye ve Ofis Malzemeleri Tic. Ltd. Şti.", vkn("999000606"),
              ("Konur Sok. No: 22/A", "06420 Çankaya / Ankara"), "Kavaklıdere", ("Tel: 0 312 000 06 06",))
BUILDER = Party("Demirtaş Yapı Malzemeleri Pazarlama A.Ş.", vkn("999000707"),
                ("Keresteciler Sitesi 4. Blok No: 31", "16110 Nilüfer / Bursa"), "Çekirge", ("Tel: 0 224 000 07 07",))
WATER = Party("Pınarbaşı Su ve Meşrubat Dağıtım Ltd. Şti.", vkn("999000808"),
              ("Çeşme Mah. Kaynak Cad. No: 3", "35040 Bornova / İzmir"), "Ege", ("Tel: 0 232 000 08 08",))
CLEANER = Party("Berrak Temizlik ve Tesis Yönetimi A.Ş.", vkn("999000909"),
                ("Barbaros Bulvarı No: 77 D: 9", "34353 Beşiktaş / İstanbul"), "Beşiktaş", ("Tel: 0 212 000 09 09",))
PRINTER = Party("Gökkuşağı Matbaacılık Reklam Ltd. Şti.", vkn("999001010"),
                ("Matbaacılar Sitesi No: 18", "34204 Bağcılar / İstanbul"), "Güneşli", ("Tel: 0 212 000 10 10",))
GARAGE = Party("Usta Oto Servis - Şükrü Güngör", tckn("100000002"),
               ("Sanayi Mah. 14. Sok. No: 6", "42060 Selçuklu / Konya"), "Mevlana", ("Tel: 0 332 000 11 11",))
OFFICE = Party("Mavi Köşe Danışmanlık ve Yazılım A.Ş.", vkn("999001212"),
               ("Teknokent ODTÜ Kuluçka Merkezi No: 9", "06800 Çankaya / Ankara"), "Doğanbey")
PERSON = Party("Ayşe Gülşen Yıldırım", tckn("100000001"),
               ("Ihlamur Sok. No: 10 D: 3", "35220 Konak / İzmir"), "Konak")
STUDIO = Party("Lindenhof Engineering GmbH", german_vat("99900011"), ("Uferweg 17", "20457 Hamburg", "Germany"), "",
               ("billing@lindenhof.example",))
CLIENT = Party("Northgate Instruments Ltd", british_vat("9990022"), ("4 Quarry Lane", "Leeds LS1 0AA", "United Kingdom"))
PUMPS = Party("Hanse Pumpenbau AG", german_vat("99900055"), ("Am Speicher 4", "28195 Bremen", "Germany"))
MAKER = Party("Ashdown Tools & Fixings Ltd", british_vat("9990033"),
              ("Unit 7, Mill Estate", "Sheffield S1 0AA", "United Kingdom"), "", ("accounts@ashdown.example",))
HOSTING = Party("Bluewater Hosting Ltd", british_vat("9990044"), ("88 Harbour Street", "Bristol BS1 0AA",
                                                                 "United Kingdom"), "", ("ar@bluewater.example",))


def electricity_exact():
    energy = rows("""
        Aktif enerji bedeli - gündüz (T1) | 8426.350 | kWh | 2.914520
        Aktif enerji bedeli - puant (T2)  | 3118.275 | kWh | 4.386150
        Aktif enerji bedeli - gece (T3)   | 4902.610 | kWh | 1.722480""", 20)
    lines = energy + rows("Dağıtım bedeli (AG ticarethane tek terim) | 16447.235 | kWh | 1.207340", 20)
    city = Tax("BTV", net_of(energy), D(5))
    return Invoice(
        "tr", "e-FATURA", "KYE2026000184213", "TRY", POWER, BAKERY, "2026-02-05", lines,
        [city, Tax("KDV", net_of(lines) + city.amount, D(20))], "2026-02-20", ("2026-01-01", "2026-01-31"),
        extra=[("Tesisat No", "4410 237 756"), ("Sayaç No", "MKL 90021457")], accent="#0b5c3b",
        notes=["İlk endeks 118.402,115 kWh - Son endeks 134.849,350 kWh. Çarpan: 1.",
               "Tüketim bedelinize %5 Belediye Tüketim Vergisi (BTV) dahil edilmiştir; BTV, KDV matrahına girer.",
               bank("Örnek Bankası", "0000000184213001")])


def electricity_withholding():
    lines = rows("""
        Aktif enerji bedeli (OG sanayi tek terim)            | 21480.500 | kWh  | 2.618340
        Dağıtım bedeli (OG)                                  | 21480.500 | kWh  | 0.874150
        Trafo bakım ve onarım hizmeti (Ocak 2026)            | 1         | Adet | 14500.00""", 20)
    city, service = Tax("BTV", lines[0].net, D(1)), Tax("KDV", lines[2].net, D(20))
    return Invoice(
        "tr", "e-FATURA", "BZK2026000007741", "TRY", GRID, WEAVER, "2026-02-09", lines,
        [city, Tax("KDV", net_of(lines) + city.amount, D(20)),
         Tax("KDV Tevkifatı 7/10", service.amount, D(70), withheld=True)],
        "2026-02-24", ("2026-01-01", "2026-01-31"), scenario="TICARIFATURA", kind="TEVKIFAT",
        accent="#7a3b00", extra=[("Abone No", "26-009-11847")],
        notes=["Bakım ve onarım hizmeti KDV Genel Uygulama Tebliği uyarınca 7/10 oranında tevkifata tabidir (kod 603).",
               bank("Örnek Bankası", "0000000007741002")])


def services_en_exact():
    lines = rows("""
        Vibration analysis of pump unit P-204, on site                   | 38.5 | h     | 128.00
        Finite element model and report (revision B)                     | 1    | piece | 4250.00
        Remote monitoring licence, January to March 2026                 | 3    | month | 389.90
        Replacement accelerometer, IEPE, 100 mV/g                        | 4    | piece | 216.75""", 19)
    exclusive = net_of(lines) - D("450.00") + D("312.40")
    return Invoice(
        "en", "Invoice", "LE-2026-00317", "EUR", STUDIO, PUMPS, "2026-03-31", lines,
        [Tax("VAT", exclusive, D(19))], "2026-04-30", ("2026-01-01", "2026-03-31"),
        allowances=[("Framework agreement discount", D("450.00"))],
        charges=[("Travel expenses", D("312.40"))], prepaid=D("2000.00"), accent="#24476b",
        extra=[("Order", "PO-88123")],
        notes=[f"Please pay within 30 days to {iban('DE', '999999990031726000')}.",
               "Thank you for your business."])


def rounding():
    lines = rows("""
        Kurumsal tarife 532 000 10 01   | 1 | Ay | 212.3435
        Kurumsal tarife 532 000 10 02   | 1 | Ay | 187.6137
        Kurumsal tarife 532 000 10 03   | 1 | Ay | 212.3435
        Ek internet paketi 20 GB        | 1 | Ay | 96.7234
        Sabit IP ücreti                 | 1 | Ay | 58.1133
        Yurt dışı kullanım - AB bölgesi | 1 | Ay | 143.9036
        Mobil santral hizmeti           | 1 | Ay | 74.5535
        SMS paketi 1.000                | 1 | Ay | 41.2634
        Cihaz kiralama bedeli           | 1 | Ay | 325.4331""", 20)
    whole = money(sum(line.exact for line in lines))
    return Invoice(
        "tr", "e-FATURA", "TRK2026004410928", "TRY", TELECOM, OFFICE, "2026-02-12", lines,
        [Tax("ÖİV", whole, D(10)), Tax("KDV", whole, D(20))], "2026-02-27", ("2026-01-10", "2026-02-09"),
        line_total=whole, accent="#008c95",
        notes=["Toplamlar, kuruşa yuvarlanmamış satır tutarlarından hesaplanmıştır.",
               "Otomatik ödeme talimatınız bulunmaktadır."])


def mismatch_s2():
    lines = rows("""
        A4 fotokopi kâğıdı 80 g/m² (5'li koli)   | 12  | Koli  | 148.50
        Klasör geniş sırtlı, mavi                | 40  | Adet  | 24.75
        Tükenmez kalem (50'li kutu)              | 3   | Kutu  | 176.00
        Toner kartuşu, siyah                     | 2   | Adet  | 389.90""", 20)
    return Invoice(
        "tr", "e-FATURA", "PPR2026000000562", "TRY", PAPER, OFFICE, "2026-03-02", lines,
        [Tax("KDV", net_of(lines), D(20))], "2026-04-01", overstated=D("180.00"), accent="#5b2a86",
        notes=["Nakliye bedeli toplam tutara eklenmiştir."])


def mismatch_s1():
    lines = rows("""
        Nervürlü inşaat demiri Ø12     | 480  | kg   | 27.60
        Hazır sıva 25 kg torba         | 60   | Adet | 118.00
        Isı yalıtım levhası XPS 5 cm   | 36   | m²   | 142.50
        Çimento CEM I 42,5 R           | 40   | Adet | 176.25""", 20)
    return Invoice(
        "tr", "e-FATURA", "DMR2026000001189", "TRY", BUILDER, WEAVER, "2026-03-11", lines,
        [Tax("KDV", net_of(lines), D(20))], "2026-04-10", allowances=[("Toplam İskonto", D("3600.00"))],
        overstated=D("3600.00"), scenario="TICARIFATURA", accent="#8c1d18",
        notes=["Sevk irsaliyesi: DMR2026000000914 - 10.03.2026", bank("Örnek Bankası", "0000000001189003")])


def slipped_decimal():
    lines = rows("""
        Damacana su 19 L                   | 14 | Adet | 55.00
        Bardak su 200 ml (60'lı koli)      | 2  | Koli | 89.90
        Maden suyu 200 ml (24'lü)          | 1  | Kasa | 79.00""", 20)
    return Invoice(
        "tr", "e-FATURA", "PNR2026000003307", "TRY", WATER, PERSON, "2026-03-16", lines,
        [Tax("KDV", net_of(lines), D(20))], read={"tax_inclusive_amount": "123456", "payable_amount": "123456"},
        kind="SATIS", accent="#1769aa", notes=["Boş damacanalar teslimatta geri alınır."])


def low_confidence():
    lines = rows("""
        Ofis temizliği, haftada 2 gün (Mart 2026) | 8 | Gün  | 165.00
        Cam silme, dış cephe                      | 1 | Adet | 330.00""", 20)
    return Invoice(
        "tr", "e-FATURA", "BRK2026000000841", "TRY", CLEANER, OFFICE, "2026-04-01", lines,
        [Tax("KDV", net_of(lines), D(20))], "2026-04-15",
        read={"tax_inclusive_amount": "1890.00", "payable_amount": "1890.00"},
        unsure={"tax_inclusive_amount": 0.5, "payable_amount": 0.5}, accent="#2e7d32", smudge_at=135,
        notes=["Ödemenizi fatura tarihinden itibaren 14 gün içinde yapınız."])


def credit_note():
    lines = rows("""
        Return: hex bolts M10 x 80, zinc plated (box of 100) | -6 | box   | 34.20
        Return: cordless driver AT-18, faulty                | -2 | piece | 129.00
        Price correction on order 5521                       | -1 | piece | 45.50""", 20)
    return Invoice(
        "en", "Credit note", "CN-2026-0088", "GBP", MAKER, CLIENT, "2026-03-19", lines,
        [Tax("VAT", net_of(lines), D(20))], accent="#6b2737", extra=[("Refers to invoice", "INV-2026-1904")],
        notes=["The amount will be set off against your next payment."])


def minor():
    lines = rows("""
        Virtual server VS-8, 8 vCPU, 32 GB            | 2   | month | 184.00
        Block storage                                 | 500 | GB    | 0.12
        Outgoing traffic above the included volume    | 310 | GB    | 0.09
        Managed backup, daily                         | 2   | month | 57.50""", 20)
    return Invoice(
        "en", "Invoice", "BW-20260228-114", "USD", HOSTING, CLIENT, "2026-02-28", lines,
        [Tax("VAT", net_of(lines), D(20))], "2026-03-14", ("2026-02-01", "2026-02-28"), overstated=D("12.40"),
        accent="#0a4d68", notes=["A card processing fee of 12.40 USD is included in the amount due."])


def scan_exact():
    lines = rows("""
        El broşürü A5, 4 renk, 135 g kuşe | 5000 | Adet | 0.84
        Kartvizit, selefonlu              | 1000 | Adet | 1.15
        Tasarım ve baskı öncesi hazırlık  | 1    | Adet | 1750.00""", 20)
    return Invoice(
        "tr", "e-FATURA", "GKK2026000000276", "TRY", PRINTER, BAKERY, "2026-02-18", lines,
        [Tax("KDV", net_of(lines), D(20))], "2026-03-05", accent="#444444",
        notes=["İş emri no: 2026/0276", bank("Örnek Bankası", "0000000000276004")])


def photo_exact():
    lines = rows("""
        Periyodik bakım işçiliği         | 3.5 | Saat | 450.00
        Motor yağı 5W-30                 | 5   | Lt   | 389.00
        Yağ, hava ve polen filtre seti   | 1   | Adet | 1240.00""", 20)
    return Invoice(
        "tr", "e-ARŞİV FATURA", "UOS2026000000119", "TRY", GARAGE, PERSON, "2026-03-23", lines,
        [Tax("KDV", net_of(lines), D(20))], scenario="EARSIVFATURA", accent="#333333",
        extra=[("Plaka", "35 XX 000")], notes=["Bir sonraki bakım: 20.000 km."])


def photo_en_exact():
    lines = rows("""
        Masonry drill bit set, 8 pieces        | 12 | set   | 18.75
        Wall anchor 8 x 50 (bag of 250)        | 20 | bag   | 11.40
        Delivery, next working day             | 1  | piece | 24.00""", 20)
    return Invoice(
        "en", "Invoice", "INV-2026-2051", "GBP", MAKER, CLIENT, "2026-04-07", lines,
        [Tax("VAT", net_of(lines), D(20))], "2026-05-07", accent="#6b2737", notes=["Terms: 30 days net."])


def smoke():
    lines = rows("Smoke run of the invoice pipeline | 1 | piece | 100.00", 20)
    seller = Party("Mizan Smoke Run Ltd", british_vat("9990055"), ("1 Test Street", "London EC1A 0AA", "United Kingdom"))
    return Invoice("en", "Invoice", "SMOKE-0001", "GBP", seller, CLIENT, "2026-01-15", lines,
                   [Tax("VAT", net_of(lines), D(20))], "2026-02-14")


def mismatch(severity, suspect=False):
    return {"outcome": "mismatch", "severity": severity,
            "suspect_reason": "OCR_LOCALE_SUSPECT" if suspect else None,
            "action_class": "VERIFY_OCR" if suspect else "VERIFY_INVOICE_LOGIC"}


def good(outcome):
    return {"outcome": outcome, "severity": None, "suspect_reason": None, "action_class": None}


DOCUMENTS = {  # file: (invoice, what SPEC §6 must say, delta)
    "electricity-exact.pdf": (electricity_exact, good("exact"), 0),
    "electricity-withholding.pdf": (electricity_withholding, good("exact"), 0),
    "services-en-exact.pdf": (services_en_exact, good("exact"), 0),
    "rounding.pdf": (rounding, good("rounding"), 0.03),
    "minor.pdf": (minor, good("minor"), 12.4),
    "mismatch-s2.pdf": (mismatch_s2, mismatch("S2"), 180),
    "mismatch-s1.pdf": (mismatch_s1, mismatch("S1"), 3600),
    "slipped-decimal.pdf": (slipped_decimal, mismatch("S1", suspect=True), 122221.44),
    "low-confidence.pdf": (low_confidence, mismatch("S2", suspect=True), 90),
    "credit-note.pdf": (credit_note, good("exact"), 0),
    "scan-exact.png": (scan_exact, good("exact"), 0),
    "photo-exact.jpg": (photo_exact, good("exact"), 0),
    "photo-en-exact.webp": (photo_en_exact, good("exact"), 0),
    SMOKE: (smoke, good("exact"), 0),
    "unreadable.pdf": (None, good("failed"), None),
}
REFUSAL = {"refusal": "The page shows no legible text; it cannot be read as an invoice."}


def page_image(pdf, dpi, folder):
    """The page as a grey picture."""
    stem = pathlib.Path(folder, "page")
    subprocess.run(["pdftoppm", "-r", str(dpi), "-gray", "-singlefile", str(pdf), str(stem)], check=True)
    return Image.open(stem.with_suffix(".pgm"))


def draw_image(invoice, target, folder):
    """A scan (png: one bit, askew) or a photograph (grey, soft) of the page."""
    pdf = pathlib.Path(folder, "page.pdf")
    invoice_page.draw(pdf, invoice)
    if target.suffix == ".png":
        page = page_image(pdf, 150, folder).rotate(0.5, Image.BICUBIC, fillcolor=255)
        page.point(lambda v: 255 * (v > 150)).convert("1").save(target, optimize=True)
        return
    page = page_image(pdf, 100, folder).rotate(-0.7, Image.BICUBIC, fillcolor=255)
    page = page.filter(ImageFilter.GaussianBlur(0.4)).point(lambda v: 18 + v * 215 // 255)
    if target.suffix == ".jpg":
        page.save(target, quality=30, optimize=True)
    else:
        page.save(target, quality=22, method=6)


def draw_noise(target, folder):
    """A page that was scanned out of focus, beyond recognition."""
    source = random.Random(20260401)
    small = Image.new("L", (210, 297), 225)
    for y in range(20, 277, 6):
        for x in range(18, 192):
            if source.random() < 0.55:
                small.putpixel((x, y + source.randrange(3)), source.randrange(60, 150))
    picture = small.resize((840, 1188), Image.BICUBIC).filter(ImageFilter.GaussianBlur(9))
    grain = Image.frombytes("L", (420, 594), source.randbytes(420 * 594)).resize((840, 1188))
    path = pathlib.Path(folder, "noise.jpg")
    Image.blend(picture, grain, 0.12).save(path, quality=18, optimize=True)
    invoice_page.draw_picture(target, path, "scan0001")


def make(name, target, folder):
    """Write one document and its truth file; return what is expected of it."""
    build, intended, delta = DOCUMENTS[name]
    truth = REFUSAL
    if build is None:
        draw_noise(target / name, folder)
    else:
        invoice = build()
        truth = invoice.truth(name)
        if name == SMOKE:
            (target / name).write_bytes(smoke_page.pdf(invoice))
        elif name.endswith(".pdf"):
            invoice_page.draw(target / name, invoice)
        else:
            draw_image(invoice, target / name, folder)
    expected = invoice_rules.audit(truth)
    assert expected == {**intended, "delta": delta}, (name, expected)
    text = json.dumps(truth, ensure_ascii=False, indent=1) + "\n"
    (target / name).with_suffix(".json").write_text(text, encoding="utf-8")
    assert (target / name).stat().st_size < MAX_BYTES, (name, (target / name).stat().st_size)
    return expected


def main():
    target = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "invoices"
    target.mkdir(parents=True, exist_ok=True)
    invoice_page.register_fonts()
    with tempfile.TemporaryDirectory() as folder:
        expected = {name: make(name, target, folder) for name in DOCUMENTS}
    text = json.dumps(expected, indent=1) + "\n"
    (target.parent / "expected.json").write_text(text, encoding="utf-8")
    if target == HERE / "invoices":
        SMOKE_SOURCE.write_text(smoke_page.c_source((target / SMOKE).read_bytes()), encoding="utf-8")


if __name__ == "__main__":
    main()
