//! Pathfinder and Path-X: are two markers joined by a dashed contour?
