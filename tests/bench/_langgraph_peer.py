"""LangGraph with its PostgreSQL checkpointer, measured from outside: a process of its own, in an environment of its own.

    python _langgraph_peer.py CONNINFO

Says {"version": …} when it is ready. Then each line on its standard input, such as "chain 50", is so many runs one
after the other, and is answered by one line: a JSON list of the milliseconds of each. Ends when its input is closed.
"""

import json
import operator
import sys
import time
import uuid
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.postgres import PostgresSaver  # type: ignore[import-not-found]  # only in the bench group
from langgraph.graph import END, START, StateGraph  # type: ignore[import-not-found]

FLUSH = "SELECT pg_stat_force_next_flush()"  # so that the counters hold these runs when they are read


class State(TypedDict):
    done: Annotated[list[str], operator.add]


def node(name: str) -> Callable[[State], State]:
    """A step that does nothing and leaves its name, as ours leave an output."""
    return lambda state: {"done": [name]}


def chain() -> Any:
    """Four steps, one after the other."""
    graph, names = StateGraph(State), ["n1", "n2", "n3", "n4"]
    for name in names:
        graph.add_node(name, node(name))
    for before, after in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(before, after)
    return graph


def parallel() -> Any:
    """A plan, three steps side by side, a join."""
    graph, middle = StateGraph(State), ["p1", "p2", "p3"]
    for name in ["plan", *middle, "join"]:
        graph.add_node(name, node(name))
    graph.add_edge(START, "plan")
    for name in middle:
        graph.add_edge("plan", name)
    graph.add_edge(middle, "join")
    graph.add_edge("join", END)
    return graph


def run(app: Any) -> float:
    """Milliseconds of a run under a thread id of its own; every checkpoint is written before the next step begins."""
    config = {"configurable": {"thread_id": uuid.uuid4().hex}}
    started = time.perf_counter()
    app.invoke({"done": []}, config, durability="sync")
    return (time.perf_counter() - started) * 1000


def main(conninfo: str) -> None:
    with PostgresSaver.from_conn_string(conninfo) as saver:
        saver.setup()
        apps = {"chain": chain().compile(checkpointer=saver), "parallel": parallel().compile(checkpointer=saver)}
        answer({"version": version("langgraph")})
        for line in sys.stdin:
            graph, count = line.split()
            ms = [run(apps[graph]) for _ in range(int(count))]
            saver.conn.execute(FLUSH)
            answer(ms)


def answer(document: object) -> None:
    sys.stdout.write(f"{json.dumps(document)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
