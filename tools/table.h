/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <json-c/json.h>

/**
 * struct column - one of a table
 * @title: above it
 * @key: of the string in each row's object
 */
struct column {
	const char *title;
	const char *key;
};

/**
 * table_print - print an array of objects with columns as wide as needed
 * @rows: the array
 * @columns: ended by one without a title
 *
 * true and false are "yes" and "no"; what is null, absent or an empty string
 * is "-".
 */
void table_print(struct json_object *rows, const struct column *columns);

/* Short forms of json-c's. */
void add_string(struct json_object *object, const char *key, const char *text);
/* null if @text is empty */
void add_name(struct json_object *object, const char *key, const char *text);
void add_bool(struct json_object *object, const char *key, bool value);
/* null if @value is negative */
void add_flag(struct json_object *object, const char *key, int value);
void add_int(struct json_object *object, const char *key, long value);

/* Print it and let it go. */
void print_json(struct json_object *object);

#endif
