"""Draws the invoice of the smoke run as a PDF without anything compressed or embedded, so that it can
stand in a C file, where it can be read: one page, Helvetica, ASCII."""
import invoice_page
from invoice_rules import printed

C_FILE = """/*
 * Made by tests/data/make_invoices.py, like its twin tests/data/invoices/smoke.pdf; not by hand:
 * the table at its end holds the offsets of the objects.
 */
#include "ops/smoke_invoice.h"

/* clang-format off */
const char smoke_invoice[] =
%s;
/* clang-format on */
const size_t smoke_invoice_len = sizeof smoke_invoice - 1;
"""


def text(x, y, words, size=10, font="F1"):
    words = words.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /{font} {size} Tf {x} {y} Td ({words}) Tj ET"


def page(invoice):
    """The operators that draw it, one a line."""
    labels, language = invoice_page.LABELS["en"], invoice.language
    drawn = [text(56, 776, invoice.title.upper(), 20, "F2")]
    y = 746
    for who, label in ((invoice.seller, "Seller"), (invoice.buyer, "Buyer")):
        drawn.append(text(56, y, f"{label}: {who.name}", 11, "F2"))
        for line in who.lines(language):
            y -= 14
            drawn.append(text(56, y, line))
        y -= 24
    head = {"invoice_number": invoice.number, "issue_date": invoice_page.printed_date(invoice.issue_date, language),
            "due_date": invoice_page.printed_date(invoice.due_date, language), "currency": invoice.currency}
    for key, value in head.items():
        drawn.append(text(56, y, f"{labels[key]}: {value}"))
        y -= 14
    y -= 16
    columns = (56, 300, 350, 400, 470)
    for line in (("Description", "Quantity", "Unit", "Unit price", "Net amount"), *(
            (one.description, invoice_page.quantity_text(one.quantity, language), one.unit,
             printed(one.unit_price, language), printed(one.net, language)) for one in invoice.lines)):
        drawn += [text(x, y, cell, 10, "F2" if line[0] == "Description" else "F1")
                  for x, cell in zip(columns, line)]
        y -= 18
    y -= 12
    for key, label, value in invoice.total_rows():
        drawn += [text(300, y, label, 10, "F2" if key == "payable_amount" else "F1"), text(470, y, value)]
        y -= 16
    return drawn + [text(56, 56, invoice.footer, 8)]


def pdf(invoice):
    stream = "\n".join(page(invoice))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R\n"
        "   /Resources << /Font << /F1 5 0 R /F2 6 0 R >> >> >>",
        f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
    ]
    made, offsets = "%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(made))
        made += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    made += (f"xref\n0 {size}\n0000000000 65535 f \n{table}"
             f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(made)}\n%%EOF\n")
    return made.encode("ascii")


def c_source(content):
    lines = content.decode("ascii").splitlines()
    quoted = (line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return C_FILE % "\n".join(f'\t"{line}\\n"' for line in quoted)
