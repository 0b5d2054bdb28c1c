"""Tests, in several processes that share the CPUs."""

from service.cpu import wait_passively

wait_passively()  # counts only before torch is loaded
