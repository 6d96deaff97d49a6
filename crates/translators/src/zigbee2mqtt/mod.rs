//! zigbee2mqtt (MQTT bridge of Zigbee devices).
