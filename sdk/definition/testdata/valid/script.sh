#!/bin/sh
echo from a file
