pаypal = 1
