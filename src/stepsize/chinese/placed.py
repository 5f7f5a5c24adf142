"""Where trials are trained, and what goes wrong there, in Chinese."""

# ruff: noqa: E501

from __future__ import annotations

PLACED = {
    "process {number}": "进程 {number}",
    "{worker} was ended by {signal}": "{worker} 被 {signal} 结束",
    "{worker} was ended by {signal}, as a system does that is out of memory": "{worker} 被 {signal} 结束，内存不足的系统会这样做",
    "{worker} ended with code {code}": "{worker} 以代码 {code} 结束",
    "{worker} ended with code {code}: {line}": "{worker} 以代码 {code} 结束：{line}",
    "{count} workers died before they could begin, the last: {reason}": "{count} 个工作进程还没开始就中途退出，最后一个：{reason}",
    "{count} workers died of it, the last: {reason}": "{count} 个工作进程因它而中途退出，最后一个：{reason}",
    "{failure} ({count} times)": "{failure}（{count} 次）",
    "no worker of the cluster is left: start one and run it again; finished work is kept": "集群里没有工作进程了：请启动一个再运行一次；做完的会保留",
    "a cluster needs dask.distributed: pip install 'stepsize[cluster]'": "集群需要 dask.distributed：pip install 'stepsize[cluster]'",
    "there is no cluster at {address}: give the address that dask scheduler prints, such as tcp://10.0.0.1:8786": "{address} 处没有集群：请写 dask scheduler 打印的地址，例如 tcp://10.0.0.1:8786",
    "the cluster at {address} has no workers: start some with dask worker {address} --nthreads 1": "{address} 处的集群没有工作进程：请用 dask worker {address} --nthreads 1 启动",
    "the cluster at {address} has closed: finished work is kept": "{address} 处的集群已关闭：做完的会保留",
    "{worker} is no longer in the cluster": "{worker} 已不在集群里",
    "it has {threads} threads and uses one: start it with --nthreads 1": "它有 {threads} 个线程，只用一个：请用 --nthreads 1 启动",
    "a study of {problem} cannot train {trial}, of another problem": "{problem} 的研究不能训练 {trial}，它属于另一个问题",
    "a worker has {other}, and this process {ours}: give both the same": "一个工作进程是 {other}，而这个进程是 {ours}：请让两者相同",
    "{name} is {theirs} there and {ours} here, and numbers depend on it: install {name} {ours} there": "{name} 在那里是 {theirs}，在这里是 {ours}，而数值取决于它：请在那里安装 {name} {ours}",
    "the data or the file make another problem here ({here}) than the study's ({problem}): give every worker the same files, unchanged since the study began": "数据或文件在这里给出的问题（{here}）与研究的（{problem}）不同：请给每个工作进程相同的文件，而且自研究开始以来没有改动",
    "{name} is a trial of another problem, {other}, not {ours}": "{name} 是另一个问题 {other} 的试验，不属于 {ours}",
    "{function} cannot be sent to other processes ({error}): build the problem in a function of a file, and write path/to/file.py:function": "{function} 无法发送给其他进程（{error}）：请在文件的函数里建立问题，并写 path/to/file.py:function",
    "{function} is written in the script itself, where other processes do not find it: put it into a file of its own, or pip install cloudpickle": "{function} 写在脚本本身里，其他进程找不到它：请放进单独的文件，或 pip install cloudpickle",
    "runs go one by one, as torch cannot vmap the module ({why})": "各次训练逐个进行，因为 torch 不能对这个模块用 vmap（{why}）",
    "no batching rule for {name}": "{name} 没有批处理（batching）规则",
    "its numbers are others there": "那样数值会不同",
}
