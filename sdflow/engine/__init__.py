"""Carries a plan out: runs nodes, keeps results, writes files, tells what happens. The only room with effects."""
