"""run.json: how long the run took that made a dataset. Beside the manifest and not in it: of the same bytes every time
is another one.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

#: The name of the file in the folder of a dataset.
RUN = "run.json"


class Section(BaseModel):
    """A JSON object of the file. An unknown key is an error."""

    model_config = ConfigDict(extra="forbid")


class StepTimes(Section):
    """A step as it ran last: the row-wise stages of a raw file, or `dedupe`, or `export`.

    `file`: the raw file, by its place below raw/; "" for a step over all rows. `seconds`: from its begin to its end.
    `stages`: seconds in each of its stages, summed over the workers, so that their sum may be more than `seconds`.
    """

    step: str
    file: str = ""
    rows: int
    seconds: float
    workers: int
    #: When it ended, UTC. A step that Make did not redo ended before the others.
    finished: datetime
    stages: dict[str, float] = {}


class RunTimes(Section):
    """The steps that made a dataset, in their order."""

    steps: list[StepTimes]

    def stages(self) -> dict[str, float]:
        """Seconds of each stage over all files, in the order of the stages; of a step without stages, its own."""
        found: dict[str, float] = {}
        for step in self.steps:
            for stage, seconds in (step.stages or {step.step: step.seconds}).items():
                found[stage] = round(found.get(stage, 0.0) + seconds, 3)
        return found
