"""What `show` and `diff` say of curves, in Chinese."""

# ruff: noqa: E501

from __future__ import annotations

DRAWN = {
    "{part} begins": "{part} 开始",
    "{part} ends": "{part} 结束",
    "the cool-down begins": "冷却开始",
    "the cool-down ends": "冷却结束",
    "cool-down {number} begins": "第 {number} 段冷却开始",
    "stage {number} of {count} begins, factor {factor:.4g}": "第 {number} 阶段（共 {count} 个）开始，因子 {factor:.4g}",
    "stage {number} begins": "第 {number} 阶段开始",
    "piece {number} begins, towards {factor:.4g}": "第 {number} 段开始，走向 {factor:.4g}",
    "the last knot, factor {factor:.4g}": "最后一个节点，因子 {factor:.4g}",
    "value {number} of {count}, factor {factor:.4g}": "第 {number} 个值（共 {count} 个），因子 {factor:.4g}",
    "cycle {number} begins": "第 {number} 轮开始",
    "time {pace}": "时间{pace}",
    "step {step}": "第 {step} 步",
    "from {step}": "从 {step} 起",
    "and {count} more": "还有 {count} 处",
    "and more than {count} more": "还有超过 {count} 处",
    "{controllers} depends on the run and is drawn as 1": "{controllers} 取决于训练的情况，这里画成 1",
    "written to {path}": "已写入 {path}",
    "{a} and {b} are the same at all {steps} updates.": "{a} 和 {b} 在全部 {steps} 次更新中都相同。",
    "{first} to {last}": "{first} 到 {last}",
    " and {count} more ranges": "，还有 {count} 段",
    "{a} and {b} differ at {count} of {steps} updates: {ranges}{more}. The largest difference is {largest:.4g}, at update {at}: {one:.4g} against {other:.4g}.": "{a} 和 {b} 在 {steps} 次更新中有 {count} 次不同：{ranges}{more}。最大的差是 {largest:.4g}，在第 {at} 次更新：{one:.4g} 对 {other:.4g}。",
    "nothing": "什么都没有",
    "Only the rates were compared; besides them, {first} and {second} differ.": "只比较了学习率；除此之外，{first} 与 {second} 也不同。",
}
