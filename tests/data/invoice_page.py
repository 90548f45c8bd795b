"""Draws a sample invoice on one A4 page: one style for Turkish e-invoices, one for English ones."""
from reportlab.graphics import renderPDF
from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing
from reportlab.lib.colors import HexColor, black, white
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader, simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from invoice_rules import amount_in_words, printed

FONTS = "/usr/share/fonts/truetype/dejavu/"
REGULAR, BOLD = "DejaVuSans", "DejaVuSans-Bold"
WIDTH, HEIGHT = A4
LEFT, RIGHT = 16 * mm, WIDTH - 16 * mm
GREY = HexColor("#555555")
FAINT = HexColor("#bbbbbb")

LABELS = {
    "tr": {
        "columns": ("Sıra", "Mal / Hizmet", "Miktar", "Birim", "Birim Fiyat", "KDV", "Tutar"),
        "line_total": "Mal Hizmet Toplam Tutarı", "tax_exclusive_amount": "Vergiler Hariç Tutar",
        "tax_total": "Hesaplanan Vergiler Toplamı", "tax_inclusive_amount": "Vergiler Dahil Toplam Tutar",
        "withholding_total": "Tevkifat Tutarı", "prepaid_amount": "Alınan Avans",
        "rounding_amount": "Yuvarlama", "payable_amount": "Ödenecek Tutar",
        "invoice_number": "Fatura No", "issue_date": "Fatura Tarihi", "due_date": "Son Ödeme Tarihi",
        "period": "Fatura Dönemi", "ettn": "ETTN", "currency": "Para Birimi",
    },
    "en": {
        "columns": ("#", "Description", "Quantity", "Unit", "Unit price", "VAT", "Amount"),
        "line_total": "Sum of lines", "tax_exclusive_amount": "Total excl. VAT",
        "tax_total": "Total VAT", "tax_inclusive_amount": "Total incl. VAT",
        "withholding_total": "Withheld", "prepaid_amount": "Deposit received",
        "rounding_amount": "Rounding", "payable_amount": "Amount due",
        "invoice_number": "Invoice number", "issue_date": "Issue date", "due_date": "Due date",
        "period": "Service period", "ettn": "UUID", "currency": "Currency",
    },
}
SYMBOLS = {"TRY": "TL", "EUR": "EUR", "GBP": "GBP", "USD": "USD"}
# right edges of number columns, left edges of text columns, in mm from the left margin
COLUMNS = ((7, "r"), (10, "l"), (99, "r"), (102, "l"), (136, "r"), (148, "r"), (177, "r"))


def register_fonts():
    for name in (REGULAR, BOLD):
        pdfmetrics.registerFont(TTFont(name, FONTS + name + ".ttf"))


def printed_date(iso, language):
    year, month, day = iso.split("-")
    if language == "tr":
        return f"{day}.{month}.{year}"
    months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
    return f"{int(day)} {months[int(month) - 1]} {year}"


def amount_text(invoice, value):
    return f"{printed(value, invoice.language)} {SYMBOLS[invoice.currency]}"


def quantity_text(value, language):
    places = max(0, -value.normalize().as_tuple().exponent)
    return printed(value, language, places)


def percent_text(value, language):
    text = quantity_text(value, language)
    return f"%{text}" if language == "tr" else f"{text}%"


class Page:
    """A canvas with the few moves that an invoice needs; y runs downwards from the top, in points."""

    def __init__(self, path, invoice):
        self.c = Canvas(str(path), pagesize=A4, invariant=1, pageCompression=1)
        self.c.setTitle(f"{invoice.title} {invoice.number}")
        self.c.setAuthor(invoice.seller.name)
        self.invoice = invoice
        self.accent = HexColor(invoice.accent)

    def text(self, x, y, text, size=8, font=REGULAR, color=black, align="l"):
        self.c.setFont(font, size)
        self.c.setFillColor(color)
        draw = {"l": self.c.drawString, "r": self.c.drawRightString, "c": self.c.drawCentredString}[align]
        draw(x, HEIGHT - y, text)

    def wrapped(self, x, y, text, width, size=8, font=REGULAR, color=black, leading=1.35):
        for line in simpleSplit(text, font, size, width):
            self.text(x, y, line, size, font, color)
            y += size * leading
        return y

    def rule(self, y, x1=LEFT, x2=RIGHT, color=FAINT, width=0.6):
        self.c.setStrokeColor(color)
        self.c.setLineWidth(width)
        self.c.line(x1, HEIGHT - y, x2, HEIGHT - y)

    def box(self, x, y, w, h, fill=None, stroke=None):
        if fill is not None:
            self.c.setFillColor(fill)
        if stroke is not None:
            self.c.setStrokeColor(stroke)
            self.c.setLineWidth(0.6)
        self.c.rect(x, HEIGHT - y - h, w, h, fill=int(fill is not None), stroke=int(stroke is not None))

    def party(self, x, y, party, width, name_size=9):
        y = self.wrapped(x, y, party.name, width, name_size, BOLD)
        for line in party.lines(self.invoice.language):
            y = self.wrapped(x, y, line, width, 7.5, color=GREY)
        return y

    def pairs(self, x, y, w, pairs):
        """A box of labels and values."""
        step = 12.5
        self.box(x, y, w, step * len(pairs) + 5, stroke=FAINT)
        for label, value in pairs:
            y += step
            self.text(x + 5, y, label, 7.5, BOLD)
            self.text(x + w - 5, y, value, 7.5, align="r")
        return y + 5

    def table(self, y):
        inv, language = self.invoice, self.invoice.language
        self.box(LEFT, y, RIGHT - LEFT, 16, fill=self.accent)
        for (at, align), label in zip(COLUMNS, LABELS[language]["columns"]):
            self.text(LEFT + at * mm, y + 11, label, 7.5, BOLD, white, align)
        y += 16
        for number, line in enumerate(inv.lines, 1):
            cells = (str(number), None, quantity_text(line.quantity, language), line.unit,
                     printed(line.unit_price, language), percent_text(line.tax_rate, language),
                     printed(line.net, language))
            for (at, align), cell in zip(COLUMNS, cells):
                if cell is not None:
                    self.text(LEFT + at * mm, y + 12, cell, 7.5, align=align)
            end = self.wrapped(LEFT + COLUMNS[1][0] * mm, y + 12, line.description, 66 * mm, 7.5)
            y = max(end - 3, y + 17)
            self.rule(y)
        return y

    def totals(self, y):
        for key, label, value in self.invoice.total_rows():
            strong = key in ("tax_inclusive_amount", "payable_amount")
            if strong:
                self.box(RIGHT - 92 * mm, y, 92 * mm, 15, fill=HexColor("#eef1f5"))
            font = BOLD if strong else REGULAR
            self.text(RIGHT - 90 * mm, y + 10.5, label, 8, font)
            self.text(RIGHT - 2 * mm, y + 10.5, value, 8, font, align="r")
            y += 15
            self.rule(y, RIGHT - 92 * mm)
        return y

    def notes(self, y, width):
        for note in self.invoice.notes:
            y = self.wrapped(LEFT, y, note, width, 7, color=GREY) + 2
        return y

    def finish(self):
        self.c.showPage()
        self.c.save()


def draw_qr(page, x, y, size, text):
    widget = QrCodeWidget(text, barLevel="L")
    left, bottom, right, top = widget.getBounds()
    drawing = Drawing(size, size, transform=[size / (right - left), 0, 0, size / (top - bottom), 0, 0])
    drawing.add(widget)
    renderPDF.draw(drawing, page.c, x, HEIGHT - y - size)


def qr_text(inv):
    return (f'{{"vkntckn":"{inv.seller.tax_id}","avkntckn":"{inv.buyer.tax_id}","senaryo":"{inv.scenario}",'
            f'"tip":"{inv.kind}","tarih":"{inv.issue_date}","no":"{inv.number}","ettn":"{inv.ettn}",'
            f'"parabirimi":"{inv.currency}","odenecek":"{inv.printed_totals["payable_amount"]}"}}')


def draw_turkish(page):
    inv, labels = page.invoice, LABELS["tr"]
    page.box(LEFT, 12 * mm, RIGHT - LEFT, 2.2, fill=page.accent)
    top = 24 * mm
    after = page.party(LEFT, top, inv.seller, 78 * mm, 10)
    draw_qr(page, RIGHT - 27 * mm, 17 * mm, 27 * mm, qr_text(inv))
    page.c.setStrokeColor(page.accent)
    page.c.setLineWidth(1.4)
    page.c.circle(WIDTH / 2 + 14 * mm, HEIGHT - 27 * mm, 8.5 * mm, fill=0)
    page.text(WIDTH / 2 + 14 * mm, 28.2 * mm, inv.seller.initials, 13, BOLD, page.accent, "c")
    page.text(WIDTH / 2 + 14 * mm, 41 * mm, inv.title, 12, BOLD, black, "c")

    y = max(after, 46 * mm) + 10
    page.rule(y - 12, color=page.accent, width=1)
    page.text(LEFT, y, "SAYIN", 7.5, BOLD, page.accent)
    after = page.party(LEFT, y + 13, inv.buyer, 88 * mm)
    pairs = [("Özelleştirme No", "TR1.2"), ("Senaryo", inv.scenario), ("Fatura Tipi", inv.kind),
             (labels["invoice_number"], inv.number),
             (labels["issue_date"], printed_date(inv.issue_date, "tr"))]
    if inv.due_date:
        pairs.append((labels["due_date"], printed_date(inv.due_date, "tr")))
    if inv.period:
        pairs.append((labels["period"], " - ".join(printed_date(d, "tr") for d in inv.period)))
    pairs.append((labels["currency"], inv.currency))
    y = max(after, page.pairs(RIGHT - 78 * mm, y - 6, 78 * mm, pairs + inv.extra))
    page.text(LEFT, y + 14, f"ETTN: {inv.ettn}", 7.5, BOLD)
    y = page.table(y + 22)
    end = page.totals(y + 8)
    page.wrapped(LEFT, y + 20, amount_in_words(inv.printed_totals["payable_amount"]), 80 * mm, 7.5, BOLD)
    page.notes(max(end, y + 50) + 24, RIGHT - LEFT)
    page.rule(HEIGHT - 20 * mm)
    page.text(WIDTH / 2, HEIGHT - 16 * mm, inv.footer, 6.5, color=GREY, align="c")


def draw_english(page):
    inv, labels = page.invoice, LABELS["en"]
    page.box(0, 0, WIDTH, 30 * mm, fill=page.accent)
    page.text(LEFT, 18 * mm, inv.seller.name, 15, BOLD, white)
    page.text(RIGHT, 18 * mm, inv.title.upper(), 17, BOLD, white, "r")
    y = 40 * mm
    page.text(LEFT, y, "From", 7.5, BOLD, page.accent)
    after = page.party(LEFT, y + 13, inv.seller, 50 * mm)
    page.text(LEFT + 56 * mm, y, "Bill to", 7.5, BOLD, page.accent)
    after = max(after, page.party(LEFT + 56 * mm, y + 13, inv.buyer, 50 * mm))
    pairs = [(labels["invoice_number"], inv.number), (labels["issue_date"], printed_date(inv.issue_date, "en"))]
    if inv.due_date:
        pairs.append((labels["due_date"], printed_date(inv.due_date, "en")))
    if inv.period:
        pairs.append((labels["period"], " – ".join(printed_date(d, "en") for d in inv.period)))
    pairs.append((labels["currency"], inv.currency))
    y = max(after, page.pairs(RIGHT - 66 * mm, y - 6, 66 * mm, pairs + inv.extra)) + 16
    y = page.table(y)
    y = page.totals(y + 10)
    page.notes(y + 30, RIGHT - LEFT)
    page.rule(HEIGHT - 20 * mm, color=page.accent, width=1)
    page.text(LEFT, HEIGHT - 16 * mm, inv.footer, 6.5, color=GREY)
    page.text(RIGHT, HEIGHT - 16 * mm, "Page 1 of 1", 6.5, color=GREY, align="r")


def smudge(page):
    """Coffee over the totals: what makes a reader unsure."""
    page.c.saveState()
    page.c.setFillColor(HexColor("#8a6a48"))
    page.c.setStrokeColor(HexColor("#8a6a48"))
    page.c.setFillAlpha(0.45)
    page.c.setStrokeAlpha(0.5)
    page.c.setLineWidth(5)
    x, y = RIGHT - 10 * mm, HEIGHT - page.invoice.smudge_at * mm
    page.c.circle(x, y, 13 * mm, fill=0)
    for dx, dy, r in ((0, 0, 4.6), (-5, 1, 3.4), (4.5, 1.2, 3.2), (-1, -3, 3), (-9, -1, 1.6)):
        page.c.circle(x + dx * mm, y + dy * mm, r * mm, fill=1, stroke=0)
    page.c.restoreState()


def draw(path, invoice):
    page = Page(path, invoice)
    (draw_turkish if invoice.language == "tr" else draw_english)(page)
    if invoice.smudge_at:
        smudge(page)
    page.finish()


def draw_picture(path, picture, title):
    """A page that holds nothing but a picture."""
    c = Canvas(str(path), pagesize=A4, invariant=1, pageCompression=1)
    c.setTitle(title)
    c.drawImage(ImageReader(str(picture)), 0, 0, WIDTH, HEIGHT)
    c.showPage()
    c.save()
