import assert from "node:assert/strict";
import test from "node:test";
import { greeting } from "../lib/greeting.js";

test("a name is greeted", () => assert.equal(greeting("Ada"), "Hello, Ada!"));
