// SPDX-License-Identifier: MIT
fn b() {}
