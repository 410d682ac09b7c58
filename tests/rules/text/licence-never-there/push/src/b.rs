fn b() { c() }
