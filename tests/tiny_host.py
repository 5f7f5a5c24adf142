"""A whole small framework: an optimizer of plain lists with groups, its knobs, and a scheduler that holds a course."""

from stepsize.course import rows
from stepsize.course.calls import looked_ahead
from stepsize.course.course import begin_course
from stepsize.course.host import Host
from stepsize.course.resume import resumed, saved

HOST = Host("Tiny", whole="another framework")


class Descent:
    """θ ← θ − rate·(g + weight_decay·θ), each group with settings of its own."""

    def __init__(self, *groups, rate=0.1):
        self.groups = [{"lr": rate, "weight_decay": 0.0, "at": [1.0], **one} for one in groups or ({},)]

    def step(self, grad):
        for one in self.groups:
            one["at"] = [x - one["lr"] * (grad(x) + one["weight_decay"] * x) for x in one["at"]]


class Dials:
    """The knobs of a Descent: the only thing that a new framework has to write."""

    owner = "Descent"

    def __init__(self, made):
        self.groups = made.groups

    def count(self):
        return len(self.groups)

    def name(self, group):
        return self.groups[group].get("name")

    def fields(self, group):
        return ["lr", "weight_decay"]

    def holds(self, group, name):
        return name in self.groups[group]

    def get(self, group, field):
        return self.groups[group][field]

    def put(self, group, field, value):
        self.groups[group][field] = value

    def initial(self, group, field):
        return self.groups[group].get("first " + field, self.groups[group][field])

    def claim(self, group, field):
        return self.groups[group].setdefault("first " + field, self.groups[group][field])

    def separate(self, field):
        pass


class Tiny:
    """A scheduler: it holds a course and writes what the course says."""

    def __init__(self, made, expression, total_steps=None, done=0, **units):
        self.dials = Dials(made)
        self.go(begin_course(expression, HOST, self.dials, done, total_steps=total_steps, **units))

    def go(self, course):
        self.course, self.rows = rows.bind(course, self.dials)
        rows.write(self.course, self.rows, self.dials)

    def step(self, **given):
        self.go(self.course.step(**given))

    def rates(self, t=None):
        return rows.rates(self.course, self.rows, self.dials, t)

    def state(self):
        return saved(self.course)

    def load(self, state, on_change="error"):
        self.go(resumed(self.course, state, on_change, self.dials))

    def preflight(self, **sizes):
        return looked_ahead(self.course, self.rates, "torch", **sizes)
