"""What `find` says of a range test, in Chinese."""

# ruff: noqa: E501

from __future__ import annotations

FOUND = {
    "your optimizer": "你的优化器",
    "{rule} on {data}": "{rule}，用于 {data}",
    "{rule} on {data}, batch {size}": "{rule}，用于 {data}，批次大小 {size}",
    "{rule} on {data}, batch all": "{rule}，用于 {data}，每次更新用全部的行",
    "{rule} on {data}, batches of its loader": "{rule}，用于 {data}，批次由它的加载器决定",
    "{about}: {updates} updates, rate {low:.3g} to {high:.3g}": "{about}：{updates} 次更新，学习率从 {low:.3g} 到 {high:.3g}",
    "Cannot tell: only {count} losses were finite before the sweep broke.": "看不出来：测试中断之前只有 {count} 个损失是有限的数。",
    "Cannot tell: the loss rose to {times:g} times its lowest within {updates} updates.": "看不出来：在 {updates} 次更新之内，损失就升到了最低值的 {times:g} 倍。",
    "Cannot tell: the loss does not fall by more than its noise.": "看不出来：损失的下降没有超出它的噪声。",
    "The smoothed loss was lowest at rate {rate:.2g} ({loss:.4g}); noise of one loss {noise:.2g}.": "平滑后的损失在学习率 {rate:.2g} 处最低（{loss:.4g}）；单个损失的噪声为 {noise:.2g}。",
    "The smoothed loss was lowest at rate {rate:.2g} ({loss:.4g}), and the sweep broke at rate {broke:.2g}; noise of one loss {noise:.2g}.": "平滑后的损失在学习率 {rate:.2g} 处最低（{loss:.4g}），测试在学习率 {broke:.2g} 处中断；单个损失的噪声为 {noise:.2g}。",
    "In the middle {rate:.2g}; what the rules and the noise leave open: {low:.2g} to {high:.2g}": "中间值是 {rate:.2g}；各条规则和噪声所允许的范围：{low:.2g} 到 {high:.2g}",
    "The loss still falls at the end: sweep to a rate above {rate:.3g}.": "到最后损失还在下降：请测到高于 {rate:.3g} 的学习率。",
    "Sweep from a rate below {rate:.3g}, and see whether the loss is finite at the start.": "请从低于 {rate:.3g} 的学习率开始，并检查起点的损失是不是有限的数。",
    "A longer sweep or a larger batch has less noise; if the loss never falls, look at the model first.": "测试更长或批次更大，噪声就更小；如果损失从不下降，请先检查模型。",
    "This alone is not to be trusted: on 24 recorded cells the best of these rules ended 14 % above the best rate in the mean and 71 % at worst, and on others it diverged; from the edge to the best rate it is 1 to 9 octaves.": "不能只靠这一项：在 24 组记录上，这些规则中最好的一条，结果也比最佳学习率平均高 14 %，最差高 71 %，在另一些任务上还发散了；从发散的边缘到最佳学习率相差 1 到 9 个倍频程（每个是两倍）。",
    "Do instead: {instead}": "建议改用：{instead}",
    "sweeping": "测试中",
    "written: {path}": "已写入：{path}",
    "loss of a batch": "批次的损失",
    "smoothed": "平滑后",
    "find: high must be above low, {low:g}, not {high:g}: write low={least:g}, high={most:g}": "find：high 必须大于 low（{low:g}），不能是 {high:g}：请写 low={least:g}, high={most:g}",
    "find: steps must be a whole number, not {steps}": "find：steps 必须是整数，不能是 {steps}",
    "{path}: there is no folder {folder}: make it first": "{path}：没有文件夹 {folder}：请先建立它",
}
