# SPDX-License-Identifier: Apache-2.0
"""A paced run in one process, as fast as the machine goes: the robot of the bridge, the core of policy and planner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from seal_mapping.voxels.config import MapConfig
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_mapping.wall_heading import WallHeading
from seal_perception.categories import names_of
from seal_perception.errors import InputError
from seal_perception.frame import Frame
from seal_perception.simulator import Observation
from seal_perception.types import FloatArray
from seal_perception.upright import FrameDetector, detect_frame
from seal_policy.driving.velocity_driver import VelocityDriver
from seal_policy.goals.layers import layers_of
from seal_policy.goals.manager import GoalManager, StepClock
from seal_policy.objectgoal.live import Course, LiveSearch
from seal_policy.planning.motion import Point
from seal_policy.planning.planner import TIGHT
from seal_policy.registry import make_policy
from sim_bridge.robot.paced_robot import PacedConfig, PacedRobot
from sim_bridge.worlds import World


@dataclass(frozen=True)
class PacedRates:
    """Rates of a paced run.

    Attributes:
        robot: rates and limits of the robot.
        command_hz: commands per second; divides the physics' rate.
    """

    robot: PacedConfig = field(default_factory=PacedConfig)
    command_hz: int = 10

    def __post_init__(self) -> None:
        if self.command_hz < 1 or self.robot.physics_hz % self.command_hz:
            raise ValueError(f"command_hz must divide physics_hz {self.robot.physics_hz}, got {self.command_hz}")
        if self.robot.physics_hz // self.command_hz > self.robot.timeout_ticks:
            raise ValueError(
                "commands must come before the last one is too old, or the robot stops in between; "
                f"got {self.command_hz} per second, each of which holds for {self.robot.command_timeout_s} s"
            )


Watcher = Callable[[PacedRobot, Observation, FloatArray], None]
"""Gets the robot, what it saw, and where the stack takes it to be (T_map_base)."""


@dataclass(frozen=True)
class PacedStack:
    """The parts of a robot's head in one process, all fresh; the map holds the result of the run afterwards.

    Attributes:
        voxel_map: an empty map.
        goals: asks the policy for goals.
        driver: drives to them.
        detector: None = map without categories.
        heading: corrects the heading of odometry; None = odometry is used as it is.
        clock: converts a time to a step of the goals' rule.
        search: says where to go while it searches for something; None = the robot explores all the time.
        given: (time in seconds, (x, y)) of each goal given so far, map frame.
    """

    voxel_map: VoxelMap
    goals: GoalManager
    driver: VelocityDriver
    detector: FrameDetector | None = None
    heading: WallHeading | None = None
    clock: StepClock = field(default_factory=StepClock)
    given: list[tuple[float, Point]] = field(default_factory=list)
    search: LiveSearch | None = None


def paced_stack(
    map_config: MapConfig | None = None,
    policy: str = "frontier",
    seed: int = 0,
    detector: FrameDetector | None = None,
    wall_heading: bool = False,
    policy_weights: str = "",
) -> PacedStack:
    """The parts as paced mode puts them together.

    Raises:
        InputError: if there is no such policy, or its weights cannot be used.
    """
    goals = GoalManager(make_policy(policy, seed, TIGHT, policy_weights))
    config = (map_config or MapConfig()).for_names(None if detector is None else names_of(detector))
    return PacedStack(VoxelMap(config), goals, VelocityDriver(), detector, WallHeading() if wall_heading else None)


def drive_paced(
    world: World,
    stack: PacedStack,
    seconds: float,
    rates: PacedRates | None = None,
    seed: int = 0,
    on_picture: Watcher | None = None,
    over: Callable[[], bool] = lambda: False,
) -> PacedRobot:
    """Explore for `seconds` simulated seconds from the start pose of `seed`.

    What the stack gets is what a robot's sensors give: pictures, odometry, contacts.

    Args:
        world: reset here.
        stack: fresh.
        seconds: simulated time.
        rates: of camera, commands and physics.
        seed: start pose.
        on_picture: called after each picture has been mapped; for watching and evaluation.
        over: asked after each picture whether the run ends before its time.

    Raises:
        InputError: if `seconds` is not positive.
    """
    if not seconds > 0:
        raise InputError(f"a paced run needs a positive time, got {seconds} s")
    rates = rates or PacedRates()
    seen = world.reset(seed)
    robot = PacedRobot(world, rates.robot)
    per_command = rates.robot.physics_hz // rates.command_hz
    last = round(seconds * rates.robot.physics_hz)
    heading, driver, course = stack.heading, stack.driver, Course(None, None)
    while True:
        if robot.picture_due:
            if robot.ticks:
                seen = world.observe()
            T_map_base = heading.follow(seen.T_odom_base) if heading is not None else seen.T_odom_base
            if heading is not None:
                heading.see_depth(seen.depth, world.camera, world.T_base_camera)
                T_map_base = heading.follow(seen.T_odom_base)
            course = _take_picture(world, stack, robot, seen, T_map_base)
            if on_picture is not None:
                on_picture(robot, seen, T_map_base)
            if over():
                return robot
        if robot.ticks >= last:
            return robot
        if robot.ticks % per_command == 0:
            T_map_base = heading.follow(world.T_odom_base) if heading is not None else world.T_odom_base
            speed = driver.steer(robot.time_s, T_map_base, course.goal, course.heading)
            robot.command(speed.forward_mps, speed.turn_radps)
        if robot.tick():
            driver.see_contact()


def _take_picture(
    world: World, stack: PacedStack, robot: PacedRobot, seen: Observation, T_map_base: FloatArray
) -> Course:
    """Map a picture, then show it to the driver and ask for a goal if one is due; where to go."""
    voxel_map, driver = stack.voxel_map, stack.driver
    frame = Frame(robot.stamp_ns, seen.rgb, seen.depth, world.camera, T_map_base @ world.T_base_camera)
    detections = None if stack.detector is None else detect_frame(stack.detector, frame)
    voxel_map.integrate(frame, detections)
    obstacles, explored = voxel_map.obstacles(), voxel_map.explored()
    driver.see_depth(robot.time_s, seen.depth, world.camera, T_map_base, world.T_base_camera)
    if seen.scan is not None:
        driver.see_scan(robot.time_s, seen.scan, T_map_base)
    driver.see_map(obstacles, explored)
    if stack.search is not None:
        scores = None if detections is None else detections.score_image()
        course = stack.search.see(robot.time_s, frame, scores, T_map_base, voxel_map)
        if course is not None:
            return course
    step = stack.clock.step(robot.time_s)
    if stack.goals.update(step, obstacles, explored, T_map_base, layers_of(voxel_map)):
        assert stack.goals.goal is not None
        stack.given.append((robot.time_s, stack.goals.goal))
    return Course(stack.goals.goal, None)
