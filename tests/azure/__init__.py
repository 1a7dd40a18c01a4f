"""Tests of the parts that talk to Azure, against emulators on this machine."""
