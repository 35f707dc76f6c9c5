"""The parts of a configuration that name something of the machine around it, one file each."""
