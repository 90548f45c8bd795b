"""Clients that upload a mix of documents, again and again, and send once more what got no answer.

    with Load(history, [tenant, PILOT], seed=1) as load:
        wait_for(lambda: load.accepted() >= 20)

What they were told is in the history; load.counts() sums it up.
"""
import collections
import concurrent.futures
import random
import threading
import uuid

from failures import ASYNC
from harness import Document, extraction
from history import ENDED, UNDECIDED

# How often, which sample, and the audit's outcome of it.
SAMPLES = (
    (8, "electricity-exact", "exact"),
    (3, "scan-exact", "exact"),
    (4, "mismatch-s2", "mismatch"),
    (3, "mismatch-s1", "mismatch"),
    (2, "slipped-decimal", "mismatch"),
    (2, "rounding", "rounding"),
)
# Answers to documents that cannot be read, each time they are asked for.
UNREADABLE = (
    {"refusal": "I cannot read this."},
    {"finish_reason": "length", "content": "{"},
    {"content": "no JSON"},
)
# Passing trouble of the provider, for one call.
PASSING = (
    {"kind": "server_error"},
    {"kind": "cut"},
    {"kind": "rate_limit", "retry_after": None, "retry_after_ms": 50},
)
NOT_A_DOCUMENT = Document(b"neither a PDF nor an image")


class Client:
    """One of them; what it does next is for its random numbers to say."""

    def __init__(self, load, number):
        self.load = load
        self.history = load.history
        self.random = random.Random(f"{load.seed}/{number}")
        self.sent = []  # (document, tenant, options) of earlier uploads

    def run(self):
        acts = {self.new: 12, self.again: 3, self.forced: 1, self.refused: 1}
        while not self.load.stopping.is_set():
            self.random.choices(list(acts), acts.values())[0]()
            self.load.stopping.wait(self.random.uniform(0, self.load.pause))

    def new(self):
        document, expected = self.document()
        tenant = self.random.choice(self.load.tenants)
        options = {"expected": expected}
        if self.random.random() < 0.3:
            options["key"] = uuid.uuid4().hex
        self.sent.append((document, tenant, options))
        self.send(document, tenant, **options)

    def again(self):
        if self.sent:
            document, tenant, options = self.random.choice(self.sent[-20:])
            self.send(document, tenant, **options)

    def forced(self):
        if self.sent:
            document, tenant, options = self.random.choice(self.sent[-20:])
            self.send(document, tenant, force=True, expected=options["expected"])

    def refused(self):
        self.send(NOT_A_DOCUMENT, self.random.choice(self.load.tenants))

    def document(self):
        """(document, outcome): one that nobody has sent before."""
        weights = [weight for weight, _, _ in SAMPLES]
        _, name, expected = self.random.choices(SAMPLES, weights)[0]
        luck, stack = self.random.random(), self.history.stack
        if luck < 0.08:
            return stack.unique_pdf(name, answer=self.random.choice(UNREADABLE)), "failed"
        if luck < 0.2:  # one of a few invoices that come in more than one document
            number = f"SHARED-{self.random.randrange(4)}"
            return stack.unique_pdf(name, answer=numbered(name, number), same_invoice=True), expected
        document = stack.unique_pdf(name)
        if luck < 0.26 and self.load.trouble:
            stack.sim.fault(**self.random.choice(PASSING), sha256=document.sha256)
        return document, expected

    def send(self, document, tenant, **options):
        """Until it is answered; a few clients give up before."""
        patience = self.random.choice((2, 50, 50, 50))
        headers = self.random.choice(({}, ASYNC))
        for _ in range(patience):
            told = self.history.upload(document, tenant, headers=headers, **options)
            if told.status not in UNDECIDED:
                break
            self.load.stopping.wait(self.random.uniform(0.05, 0.3))
            if self.load.stopping.is_set():
                return
        if told.status == 202 and self.random.random() < 0.5:
            self.follow(told.job_id)

    def follow(self, job_id):
        for _ in range(20):
            result = self.history.look(job_id)
            if result and result["status"] in ENDED or self.load.stopping.wait(0.1):
                return


def numbered(name, number):
    answer = extraction(name)
    answer["invoice_number"]["value"] = number
    return answer


class Load:
    """Its clients run within the block; seed: for the same choices again; trouble: the provider's, now and then."""

    def __init__(self, history, tenants, seed, trouble=True, clients=12, pause=0.1):
        self.history = history
        self.tenants = tenants
        self.seed = seed
        self.trouble = trouble
        self.pause = pause
        self.stopping = threading.Event()
        self.pool = concurrent.futures.ThreadPoolExecutor(clients)
        self.clients = [Client(self, n) for n in range(clients)]

    def __enter__(self):
        self.running = [self.pool.submit(client.run) for client in self.clients]
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.pool.shutdown()
        for client in self.running:
            client.result()

    def accepted(self):
        return sum(t.accepted for t in list(self.history.told))

    def counts(self):
        """Of uploads by the status they were answered with."""
        return dict(sorted(collections.Counter(str(t.status) for t in self.history.told).items()))
