"""Why a controller, a clip or a guard decided what it did, in Chinese."""

from __future__ import annotations

REASONS = {
    "length of the step": "步长",
    "change of the gradient": "梯度的变化",
    "change of the loss": "损失的变化",
    "product": "内积",
    "variance": "方差",
    "distance": "距离",
    "{watch} not better than {best} for 1 value: factor {factor}": "{watch}有 1 个值没有优于 {best}：因子 {factor}",
    "{watch} not better than {best} for {count} values: factor {factor}": (
        "{watch}连续 {count} 个值没有优于 {best}：因子 {factor}"
    ),
    "{watch} not finite for 1 value: factor {factor}": "{watch}有 1 个值不是有限的数：因子 {factor}",
    "{watch} not finite for {count} values: factor {factor}": "{watch}连续 {count} 个值不是有限的数：因子 {factor}",
    "{seen}: counted as bad": "{seen}：算作没有变好",
    "{watch} {mean}: {count} new bests in a row, factor {factor}": (
        "{watch} {mean}：连续 {count} 次刷新最好记录，因子 {factor}"
    ),
    "{watch} {mean}: {count} looks without a new best ({best}), from the beginning: factor 1": (
        "{watch} {mean}：{count} 次没有刷新最好记录（{best}），从头开始：因子 1"
    ),
    "{watch} {mean}: {count} looks without a new best ({best}), factor {factor}": (
        "{watch} {mean}：{count} 次没有刷新最好记录（{best}），因子 {factor}"
    ),
    "{watch} {last} → {mean}, better by {better} < {threshold}: factor {factor}": (
        "{watch} {last} → {mean}，改善 {better} < {threshold}：因子 {factor}"
    ),
    "loss fell {last} → {loss}: factor {factor}": "损失下降 {last} → {loss}：因子 {factor}",
    "loss rose {last} → {loss}: factor {factor}": "损失上升 {last} → {loss}：因子 {factor}",
    "loss fell {fall}, before {before}: no ratio, factor 1": "损失下降 {fall}，上一次 {before}：没有比值，因子 1",
    "loss fell {fall}, before {before}: floor {factor}": "损失下降 {fall}，上一次 {before}：取下限 {factor}",
    "loss fell {fall}, before {before}: cap {factor}": "损失下降 {fall}，上一次 {before}：取上限 {factor}",
    "loss fell {fall}, before {before}: factor {factor}": "损失下降 {fall}，上一次 {before}：因子 {factor}",
    "loss rose {rise}: floor {factor}": "损失上升 {rise}：取下限 {factor}",
    "loss {loss} above {limit}: factor {factor}": "损失 {loss} 高于 {limit}：因子 {factor}",
    "{count} losses above {limit} in a row: a new level, factor {factor}": (
        "连续 {count} 个损失高于 {limit}：这是新的水平，因子 {factor}"
    ),
    "{seen}: factor {factor}": "{seen}：因子 {factor}",
    "slope {slope}, no way down: held at {held}": "斜率 {slope}，没有下降的方向：保持 {held}",
    "slope {slope}, no way down: {rate}": "斜率 {slope}，没有下降的方向：{rate}",
    "loss {loss} not above f_star: {rate}": "损失 {loss} 不高于 f_star：{rate}",
    "growing to {rate}": "增大到 {rate}",
    "{count} tries: factor {factor}": "试了 {count} 次：因子 {factor}",
    "none of {count} tries lowered loss {loss} enough: no step": "试了 {count} 次，损失 {loss} 都降得不够：不走这一步",
    "curvature {curvature}, not above 0: held at {held}": "曲率 {curvature}，不大于 0：保持 {held}",
    "nothing moved: held at {held}": "没有移动：保持 {held}",
    "highest factor {factor}": "到了因子的上限 {factor}",
    "lowest factor {factor}": "到了因子的下限 {factor}",
    "highest rate {rate}": "到了学习率的上限 {rate}",
    "lowest rate {rate}": "到了学习率的下限 {rate}",
    "signal {share}: lowest {low}": "信号所占的比例 {share}：取下限 {low}",
    "edge found at {rate}": "在 {rate} 处找到了边缘",
    "rate {rate}: held": "学习率 {rate}：保持不变",
    "loss not finite: smaller step": "损失不是有限的数：缩小这一步",
    "loss would rise: lowest point of the parabola": "损失会上升：走到抛物线的最低点",
    "loss would rise: half a step": "损失会上升：只走半步",
    "the batches differ after all": "各批次其实不同",
    "the same batch at every update: each loss is a check": "每次更新的批次都相同：每个损失都可用来检验",
    "{seen}: no step": "{seen}：不走这一步",
    "{seen}: held at {held}": "{seen}：保持 {held}",
    "loss scale {last} → {scale}": "损失缩放 {last} → {scale}",
    "loss scale {last} → {scale}: updates with infinite gradients were left out": (
        "损失缩放 {last} → {scale}：跳过了梯度为无穷大的更新"
    ),
    "mixed precision left an update out, whose gradients were infinite": "混合精度跳过了一次梯度为无穷大的更新",
    "elements of the gradient are NaN or infinite: the update was left out": (
        "梯度里有 NaN 或无穷大的元素：这次更新被跳过"
    ),
    "{bad} of {all} elements of the gradient of {parameter} are NaN or infinite: the update was left out": (
        "梯度里有 NaN 或无穷大（{parameter}，{all} 个元素中的 {bad} 个）：这次更新被跳过"
    ),
    "parameter {index} of group {group}, shape {shape}": "第 {group} 组的第 {index} 个参数，形状 {shape}",
    "{clip}: limited all elements": "{clip}：截断了全部元素",
    "{clip}: limited all elements of a gradient of length {norm}": "{clip}：截断了长度为 {norm} 的梯度的全部元素",
    "{clip}: limited {share} of the elements": "{clip}：截断了 {share} 的元素",
    "{clip}: limited {share} of the elements of a gradient of length {norm}": (
        "{clip}：截断了长度为 {norm} 的梯度中 {share} 的元素"
    ),
}
