"""How reports are judged: settings, apart from what uses them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """How reports are judged.

    Attributes:
        pose_limit_s: nothing is placed by a pose farther from the measurement than this.
        start_score: a device's score below this extends tracks and starts none.
        pixel_sigma_px: how well the foot of a box is known.
        ground_sigma_m: how well the height of the ground about a camera is known (assumed: plain).
        camera_range_m: of a camera that states none.
        camera_height_m: above ground, of a camera on a vehicle that states none.
        trusted_share: a camera's range is used while its sigma is below this share of it.
        heading_sigma_deg: of a platform that states none.
        radar_range_sigma_m: of a radar that was described nowhere.
        radar_azimuth_sigma_deg: the same.
        sensor_sigma_m: of a fixed sensor's place, where none is stated.
        cable_sigma_m: least sigma along the cable of an interrogator's own event.
    """

    pose_limit_s: float = 3.0
    start_score: float = 0.3
    pixel_sigma_px: float = 1.5
    ground_sigma_m: float = 1.0
    camera_range_m: float = 2000.0
    camera_height_m: float = 3.0
    trusted_share: float = 0.15
    heading_sigma_deg: float = 3.0
    radar_range_sigma_m: float = 10.0
    radar_azimuth_sigma_deg: float = 1.0
    sensor_sigma_m: float = 2.0
    cable_sigma_m: float = 5.0
