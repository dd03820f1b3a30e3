"""The queue, driven by hand: rings the bells that wait, as a worker would."""

from django_q.models import OrmQ

MOST = 500  # tasks that one call may run; a test that queues more is in a loop


def drain() -> list[str]:
    """Run every waiting task, those they queue as well. The names of the jobs, in the order they ran."""
    ran: list[str] = []
    while (row := OrmQ.objects.order_by("pk").first()) is not None:
        assert len(ran) < MOST, f"the queue does not come to an end: {ran[-10:]}"
        task = row.task
        row.delete()
        task["func"](*task["args"], **task["kwargs"])
        ran.append(task["func"].__name__)
    return ran
