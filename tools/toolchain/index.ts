// The door of the toolchain: finding what npm does not carry.

export { type FindOptions, type FoundTool, findTool, ToolMissing, type ToolSource } from './find-tool.ts';
export { clusterTools, noClusterVariable, type Tool, type ToolName, tools } from './tools.ts';
