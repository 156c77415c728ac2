# SPDX-License-Identifier: Apache-2.0
"""One step of exploring in one process: the goal in force, then an action.

Over ROS the policy node owns the `GoalManager` and the planner node the `StepDriver`. They are the same objects, so a
run over ROS in lockstep and one in a process take the same steps.
"""

from __future__ import annotations

from dataclasses import dataclass

from seal_perception.grid import Grid2D
from seal_perception.parameters import parameter
from seal_perception.simulator import Action
from seal_perception.types import FloatArray
from seal_policy.driving.step_driver import StepDriver, StepDriverConfig
from seal_policy.goals.manager import GoalManager
from seal_policy.goals.policy import NO_LAYERS, GlobalPolicy, MapLayers
from seal_policy.goals.rule import GoalConfig
from seal_policy.planning.motion import Point


@dataclass(frozen=True)
class ExplorerConfig:
    """Everything that decides the robot's steps but the goal policy itself."""

    goals: GoalConfig = parameter(GoalConfig(), "when goals are renewed")
    driver: StepDriverConfig = parameter(StepDriverConfig(), "how the robot drives to them")


class Explorer:
    """Goals and driving in one process.

    Args:
        policy: chooses goals; or the goal manager of a run under way.
        config: the numbers; of the goals those of a manager that is given.

    Attributes:
        goals: keeps the goal in force.
        driver: drives to it.
        goal_given: whether a goal was given at the last step.
    """

    def __init__(self, policy: GlobalPolicy | GoalManager, config: ExplorerConfig | None = None) -> None:
        self.config = config or ExplorerConfig()
        self.goals = policy if isinstance(policy, GoalManager) else GoalManager(policy, self.config.goals)
        self.driver = StepDriver(self.config.driver)
        self.goal_given = False

    @property
    def goal(self) -> Point | None:
        """The goal in force."""
        return self.goals.goal

    def act(
        self,
        obstacles: Grid2D,
        explored: Grid2D,
        T_map_base: FloatArray,
        step: int,
        layers: MapLayers = NO_LAYERS,
    ) -> Action:
        """The action after `step` actions, on the map that holds the frame of that step; once per step."""
        self.goal_given = self.goals.update(step, obstacles, explored, T_map_base, layers)
        return self.driver.act(obstacles, explored, T_map_base, self.goal)
