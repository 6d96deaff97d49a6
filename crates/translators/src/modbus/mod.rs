//! Modbus RTU: relay and input boards on a serial line.
