"""Where a secret stands: a value and its name rendered as one file of a language or format.

Each function takes (g, name, value) and gives (path, lines before, the line(s), lines after). The value
is never one with a quote or a line end in it. `RAW` contexts hold no name that tells of a secret.
"""

import json


def camel(name):
    parts = name.lower().split("_")
    return parts[0] + "".join(p.capitalize() for p in parts[1:]) if "_" in name else name[0].lower() + name[1:]


def pascal(name):
    c = camel(name)
    return c[0].upper() + c[1:]


def upper(name):
    return name.upper()


def _simple(path, before, form, after=()):
    def render(g, name, value):
        filler = dict(w1=g.word(), w2=g.word(), w3=g.word(), n=g.randint(2, 9000))
        sub = lambda s: s % filler if "%(" in s else s
        line = form.replace("@NAME@", upper(name)).replace("@name@", name.lower()).replace("@camel@", camel(name)).replace("@Pascal@", pascal(name))
        line = line.replace("@kebab@", name.lower().replace("_", "-")).replace("@asis@", name).replace("@V@", value)
        return sub(path), [sub(s) for s in before], line.split("\n"), [sub(s) for s in after]

    return render


ASSIGN = {
    "env": _simple(".env", ["APP_ENV=production", "APP_PORT=%(n)d", ""], "@NAME@=@V@", ["LOG_LEVEL=info"]),
    "env-quoted": _simple(".env.production", ["# %(w1)s settings", "HOST=%(w2)s.internal"], '@NAME@="@V@"', ["REGION=eu-west-1"]),
    "shell-export": _simple("scripts/%(w1)s.sh", ["#!/bin/sh", "set -eu", ""], "export @NAME@='@V@'", ["exec ./%(w2)s --verbose"]),
    "yaml": _simple("config/%(w1)s.yml", ["%(w1)s:", "  host: %(w2)s.internal", "  port: %(n)d"], "  @name@: @V@", ["  timeout: 30"]),
    "yaml-quoted": _simple("values.yaml", ["image:", "  tag: 1.2.3", "%(w1)s:"], '  @camel@: "@V@"', ["replicas: 2"]),
    "compose": _simple("docker-compose.yml", ["services:", "  %(w1)s:", "    image: %(w1)s:2", "    environment:"], "      - @NAME@=@V@", ["    ports:", '      - "8080:80"']),
    "k8s-string-data": _simple("deploy/secret.yaml", ["apiVersion: v1", "kind: Secret", "metadata:", "  name: %(w1)s", "stringData:"], "  @kebab@: @V@", []),
    "actions": _simple(".github/workflows/%(w1)s.yml", ["on: push", "jobs:", "  build:", "    runs-on: ubuntu-latest", "    env:"], "      @NAME@: @V@", ["    steps:", "      - run: make %(w2)s"]),
    "gitlab-ci": _simple(".gitlab-ci.yml", ["stages: [build]", "variables:"], '  @NAME@: "@V@"', ["build:", "  script: make"]),
    "json": _simple("config/%(w1)s.json", ["{", '  "%(w2)s": {', '    "enabled": true,'], '    "@camel@": "@V@",', ['    "retries": 3', "  }", "}"]),
    "json-one-line": _simple("%(w1)s.json", [], '{"%(w1)s":{"url":"https://example.org","@name@":"@V@","n":%(n)d}}', []),
    "python": _simple("app/%(w1)s.py", ["import os", "", 'HOST = "%(w2)s.internal"'], '@NAME@ = "@V@"', ["", "def %(w3)s():", "    return HOST"]),
    "python-kwarg": _simple("%(w1)s/client.py", ["from %(w1)s import Client", "", "client = Client("], '    @name@="@V@",', ["    timeout=%(n)d,", ")"]),
    "python-dict": _simple("%(w1)s/settings.py", ["CONFIG = {", '    "host": "%(w2)s",'], "    '@name@': '@V@',", ["}"]),
    "notebook": _simple("notebooks/%(w1)s.ipynb", ["{", ' "cells": [', "  {", '   "cell_type": "code",', '   "source": [', '    "import os\\n",'], '    "@NAME@ = \\"@V@\\"\\n",', ['    "print(1)"', "   ]", "  }", " ]", "}"]),
    "js": _simple("src/%(w1)s.js", ["'use strict';", "const fs = require('fs');"], "const @camel@ = '@V@';", ["module.exports = { %(w2)s: 1 };"]),
    "ts-object": _simple("src/%(w1)s.ts", ["export const environment = {", "  production: true,", "  url: 'https://%(w2)s.example.org',"], "  @camel@: '@V@',", ["};"]),
    "js-template": _simple("src/%(w1)s.mjs", ["import { %(w2)s } from './%(w2)s.js';"], "const @NAME@ = `@V@`;", ["export default %(w2)s;"]),
    "go": _simple("internal/%(w1)s/%(w1)s.go", ["package %(w1)s", "", "const ("], '\t@camel@ = "@V@"', ['\thost = "%(w2)s"', ")"]),
    "go-struct": _simple("cmd/%(w1)s.go", ["package main", "", "var cfg = Config{"], '\t@Pascal@: "@V@",', ["\tPort: %(n)d,", "}"]),
    "java": _simple("src/main/java/%(w1)s.java", ["package org.example;", "", "public class Main {"], '    private static final String @NAME@ = "@V@";', ["    int %(w2)s = %(n)d;", "}"]),
    "kotlin": _simple("src/main/kotlin/%(w1)s.kt", ["package org.example", ""], 'const val @NAME@ = "@V@"', ["val %(w2)s = %(n)d"]),
    "csharp": _simple("src/%(w1)s.cs", ["namespace Example {", "  class Main {"], '    public string @Pascal@ = "@V@";', ["  }", "}"]),
    "ruby": _simple("config/initializers/%(w1)s.rb", ["# frozen_string_literal: true", ""], "ENV['@NAME@'] ||= '@V@'", ["puts :%(w2)s"]),
    "ruby-symbol": _simple("lib/%(w1)s.rb", ["class Main", "  OPTIONS = {"], "    @name@: '@V@',", ["    %(w2)s: %(n)d", "  }", "end"]),
    "rust": _simple("src/%(w1)s.rs", ["use std::env;", ""], 'const @NAME@: &str = "@V@";', ["", "fn %(w2)s() {}"]),
    "php-array": _simple("config/%(w1)s.php", ["<?php", "return ["], "    '@name@' => '@V@',", ["    '%(w2)s' => %(n)d,", "];"]),
    "php-define": _simple("wp-config.php", ["<?php", "define('DB_NAME', '%(w1)s');"], "define('@NAME@', '@V@');", ["$table_prefix = 'wp_';"]),
    "php-var": _simple("public/%(w1)s.php", ["<?php"], '$@name@ = "@V@";', ["echo $%(w2)s;"]),
    "dockerfile": _simple("Dockerfile", ["FROM debian:12", "WORKDIR /srv"], "ENV @NAME@=@V@", ["RUN make %(w1)s"]),
    "dockerfile-arg": _simple("build/Dockerfile", ["FROM alpine:3"], 'ARG @NAME@="@V@"', ["RUN apk add %(w1)s"]),
    "terraform": _simple("infra/%(w1)s.tf", ['provider "%(w1)s" {', '  region = "eu-west-1"'], '  @name@ = "@V@"', ["}"]),
    "tfvars": _simple("prod.tfvars", ['region = "eu-west-1"'], '@name@   = "@V@"', ['size = "%(w1)s"']),
    "properties": _simple("src/main/resources/application.properties", ["server.port=%(n)d", "spring.application.name=%(w1)s"], "app.%(w1)s.@kebab@=@V@", ["logging.level.root=INFO"]),
    "ini": _simple("%(w1)s.ini", ["[%(w1)s]", "host = %(w2)s"], "@name@ = @V@", ["port = %(n)d"]),
    "toml": _simple("%(w1)s.toml", ["[%(w1)s]", 'host = "%(w2)s"'], '@kebab@ = "@V@"', ["port = %(n)d"]),
    "xml-add": _simple("Web.config", ["<configuration>", "  <appSettings>"], '    <add key="@Pascal@" value="@V@" />', ["  </appSettings>", "</configuration>"]),
    "xml-element": _simple("res/values/%(w1)s.xml", ["<resources>"], '    <string name="@name@">@V@</string>', ["</resources>"]),
    "plist": _simple("Info.plist", ["<plist>", "<dict>"], "  <key>@camel@</key>\n  <string>@V@</string>", ["</dict>", "</plist>"]),
    "swift": _simple("Sources/%(w1)s.swift", ["import Foundation", ""], 'let @camel@ = "@V@"', ["let %(w2)s = %(n)d"]),
    "c-define": _simple("src/%(w1)s.h", ["#pragma once"], '#define @NAME@ "@V@"', ["int %(w2)s(void);"]),
    "powershell": _simple("%(w1)s.ps1", ["$ErrorActionPreference = 'Stop'"], '$env:@NAME@ = "@V@"', ["Write-Host %(w2)s"]),
    "batch": _simple("%(w1)s.bat", ["@echo off"], "set @NAME@=@V@", ["call %(w2)s.exe"]),
    "makefile": _simple("Makefile", ["all: %(w1)s"], "@NAME@ := @V@", ["%(w1)s:", "\techo %(w2)s"]),
    "markdown-fence": _simple("docs/%(w1)s.md", ["# The %(w1)s %(w2)s", "", "Set this first:", "", "```sh"], "export @NAME@=@V@", ["```", ""]),
    "markdown-inline": _simple("NOTES.md", ["## %(w1)s", ""], "- `@NAME@`: `@V@` until the new %(w2)s is there", [""]),
    "sql": _simple("db/%(w1)s.sql", ["BEGIN;"], "INSERT INTO settings (name, value) VALUES ('@name@', '@V@');", ["COMMIT;"]),
    "log": _simple("logs/%(w1)s.log", ["2024-05-01 10:00:00 INFO start %(w1)s"], "2024-05-01 10:00:01 DEBUG config @camel@=@V@ retries=3", ["2024-05-01 10:00:02 INFO ready"]),
    "commit-message": _simple("COMMIT_EDITMSG", ["%(w1)s: make the %(w2)s work", ""], "For now use @NAME@=@V@ in CI.", ["", "Signed-off-by: A Dev <a@example.org>"]),
    "ansible": _simple("group_vars/all.yml", ["---", "%(w1)s_host: %(w2)s"], "%(w1)s_@name@: '@V@'", ["%(w1)s_port: %(n)d"]),
    "lua": _simple("%(w1)s.lua", ["local M = {}"], 'M.@name@ = "@V@"', ["return M"]),
    "dart": _simple("lib/%(w1)s.dart", ["class Config {"], "  static const String @camel@ = '@V@';", ["}"]),
    "perl": _simple("%(w1)s.pl", ["use strict;"], "my $@name@ = '@V@';", ["print %(n)d;"]),
    "elixir": _simple("config/%(w1)s.exs", ["import Config", "config :app,"], '  @name@: "@V@",', ["  port: %(n)d"]),
    "scala": _simple("%(w1)s.scala", ["object Main {"], '  val @camel@: String = "@V@"', ["}"]),
    "r": _simple("%(w1)s.R", ["library(%(w1)s)"], 'Sys.setenv(@NAME@ = "@V@")', ["print(%(n)d)"]),
    "cli-flag": _simple("run.sh", ["#!/bin/bash"], "./%(w1)s --host %(w2)s --@kebab@ @V@ --port %(n)d", ["echo done"]),
    "systemd": _simple("%(w1)s.service", ["[Service]", "ExecStart=/usr/bin/%(w1)s"], 'Environment="@NAME@=@V@"', ["Restart=always"]),
}

RAW = {
    "bearer-header": _simple("scripts/%(w1)s.sh", ["#!/bin/sh"], 'curl -H "Authorization: Bearer @V@" https://api.example.org/%(w1)s', ["echo ok"]),
    "js-call": _simple("src/%(w1)s.js", ["const x = require('%(w1)s');"], "x.init('@V@');", ["x.run();"]),
    "python-list": _simple("%(w1)s.py", ["VALUES = ["], '    "@V@",', ["]"]),
    "text": _simple("TODO.txt", ["- the %(w1)s %(w2)s"], "- try again with @V@ (from the console)", ["- write the %(w3)s"]),
    "csv": _simple("data/%(w1)s.csv", ["id,name,value"], "%(n)d,%(w1)s,@V@", ["9,%(w2)s,none"]),
    "html": _simple("public/%(w1)s.html", ["<html>", "<body>"], '<div data-x="@V@"></div>', ["</body>", "</html>"]),
    "query": _simple("README.md", ["## Usage", ""], "    GET /v1/%(w1)s?limit=3&k=@V@&page=2", [""]),
    "comment": _simple("src/%(w1)s.c", ["#include <stdio.h>"], "/* @V@ */", ["int main(void) { return 0; }"]),
    "yaml-list": _simple("%(w1)s.yaml", ["items:"], "  - @V@", ["  - none"]),
    "json-array": _simple("%(w1)s.json", ["["], '  "@V@",', ['  "none"', "]"]),
    "commit-message": _simple("COMMIT_EDITMSG", ["%(w1)s: use the %(w2)s", ""], "@V@ was the old one.", [""]),
    "sql-values": _simple("seed.sql", ["-- %(w1)s"], "INSERT INTO t VALUES (%(n)d, '@V@', now());", [""]),
}


def render(ctx, g, name, value):
    return complete(g, (ASSIGN if ctx in ASSIGN else RAW)[ctx](g, name, value))


def complete(g, rendered):
    """What is left to fill in the secret's own line."""
    path, before, lines, after = rendered
    lines = [s.replace("%(w1)s", g.word()).replace("%(w2)s", g.word()).replace("%(n)d", str(g.randint(1, 9999))) for s in lines]
    return path, before, lines, after


def quoted_value_ok(ctx, value):
    """An unquoted place cannot hold blanks, `#` or the like: such a value goes to a quoted one."""
    return ctx not in UNQUOTED or not any(c in value for c in " #!*^&;|<>~%")


UNQUOTED = {"env", "yaml", "compose", "k8s-string-data", "actions", "dockerfile", "batch", "makefile", "properties", "ini", "cli-flag", "markdown-fence", "commit-message", "log", "bearer-header"}


def json_text(value):
    return json.dumps(value)
