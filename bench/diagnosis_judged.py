"""How often the diagnosis is right, by illness: misses and false alarms, as markdown.

`python bench/diagnosis_judged.py` judges the families that the thresholds were set on; `--apart` the others, which
nobody should look at while a threshold is being set. `--show GROUP` prints which runs were judged wrongly. With
`--torch` the groups of `bench/diagnosis_families_torch.py` are judged too. A few minutes on one core.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
from collections import Counter
from dataclasses import replace

from diagnosis_families import FAMILIES, Family, Group
from diagnosis_healthy import HEALTHY
from diagnosis_ill import ILL

from stepsize.lab.diagnosis import diagnose
from stepsize.lab.records.record import Record


def as_a_log(record: Record) -> Record:
    """What an ordinary log holds of a run."""
    return replace(record, slopes=None, end_slopes=None, layers=None, text=None, diverged=None)


def judged(group: Group, family: Family, show: bool = False) -> tuple[int, int, Counter[str]]:
    """How many runs are judged wrongly, of how many, and what was said of the wrong ones."""
    wrong, count, said = 0, 0, Counter[str]()
    for record in group.records(family):
        told = diagnose(record)
        names = {one.illness for one in told.findings}
        remarks = " ".join(told.remarks)
        fine = not names if group.healthy else names & set(group.wanted) or any(one in remarks for one in group.said)
        count += 1
        if fine:
            continue
        wrong += 1
        said.update(names or ["nothing"])
        if show:
            print(f"--- {group.name}, run {count}: {sorted(names)}\n{told}\n")
    return wrong, count, said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--apart", action="store_true", help="judge the families that no threshold was set on")
    parser.add_argument("--torch", action="store_true", help="networks of PyTorch too")
    parser.add_argument("--show", metavar="GROUP", help="print the wrong diagnoses of the groups whose name has this")
    asked = parser.parse_args()
    groups = [*HEALTHY, *ILL]
    if asked.torch:
        from diagnosis_families_torch import TORCH_GROUPS

        groups += TORCH_GROUPS
    family = FAMILIES["apart" if asked.apart else "set on"]
    print("| runs | found or said | wrong | said of the wrong ones |\n|---|---|---|---|")
    alarms = [0, 0]
    for group in groups:
        if asked.show and asked.show not in group.name:
            continue
        wrong, count, said = judged(group, family, bool(asked.show))
        if group.healthy:
            alarms[0], alarms[1] = alarms[0] + wrong, alarms[1] + count
        what = "nothing" if group.healthy else " or ".join((*group.wanted, *(f"“{one}”" for one in group.said)))
        others = ", ".join(f"{name} {times}" for name, times in said.most_common())
        print(f"| {group.name} | {what} | {wrong} of {count} | {others} |", flush=True)
    print(f"\nFalse alarms on healthy runs: {alarms[0]} of {alarms[1]}.")


if __name__ == "__main__":
    main()
