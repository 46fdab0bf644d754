#!/usr/bin/env node
import pc from "picocolors";
import { greeting } from "../lib/greeting.js";

console.log(pc.bold(greeting(process.argv[2] ?? "world")));
