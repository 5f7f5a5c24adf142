"""What looks wrong in a schedule, in Chinese."""

# ruff: noqa: E501

from __future__ import annotations

DOUBTS = {
    "{part} is not over when the run ends, at step {step} with a factor of {last:.3g}: write a shorter one, such as {shorter}": "训练在第 {step} 步结束时 {part} 还没有走完，因子是 {last:.3g}：请写短一些，例如 {shorter}",
    "every change is over at step {since} of {steps}, and {left:.3g} of the highest factor is left for the rest: {instead}": "所有变化在 {steps} 步中的第 {since} 步就结束了，其余时间的因子只有最高值的 {left:.3g} 倍：{instead}",
    "from step {since} of {steps} on the factor is below 1/10000 of its highest: {instead}": "从 {steps} 步中的第 {since} 步起，因子低于其最高值的 1/10000：{instead}",
    "{part} is over after 1 step and holds: for a ratio each step write {instead}": "{part} 在 1 步之后就结束并保持不变：如果要每步乘一个比率，请写 {instead}",
    "it would be over at step {step}": "它要到第 {step} 步才会结束",
    "at step {step} it would have begun": "到第 {step} 步它才会开始",
    "the decay does not come: the run ends at step {steps} with {left:.3g} of the highest factor, {when}: lengths count steps; leave the length out, or write a share ('30%') or epochs ('30ep')": "衰减还没有开始或走完：训练在第 {steps} 步结束时，因子还有最高值的 {left:.3g} 倍，{when}：长度按步数计算；请去掉长度，或者写成比例（'30%'）或轮数（'30ep'）",
    "it has {count} cycles of {cycle} steps: {instead}": "它有 {count} 个 {cycle} 步的周期：{instead}",
    "the sum {sum} rises to {top:.3g}: write {rise} >> {rest} for one after the other, {rise} * {rest} for both at once": "{sum} 相加后升到了 {top:.3g}：一个接一个请写 {rise} >> {rest}，同时作用请写 {rise} * {rest}",
    "lengths count steps: leave them out, or write shares ('30%') or epochs ('30ep')": "长度按步数计算：请去掉长度，或者写成比例（'30%'）或轮数（'30ep'）",
    "if {count} is in epochs, write {text} with steps_per_epoch={updates}": "如果 {count} 指的是轮数，请写 {text}，并给出 steps_per_epoch={updates}",
    "if {counts} are epochs, write {text} with steps_per_epoch={updates}": "如果 {counts} 指的是轮数，请写 {text}，并给出 steps_per_epoch={updates}",
}
