"""What tests share: real fakes of ports, and ways to start a node."""
