// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is listed, as JSON and as a table of the same.
 */
#include <stdio.h>
#include <string.h>

#include "table.h"

static const char *cell(struct json_object *row, const char *key)
{
	struct json_object *value;
	const char *text;

	if (!json_object_object_get_ex(row, key, &value) || !value)
		return "-";
	if (json_object_is_type(value, json_type_boolean))
		return json_object_get_boolean(value) ? "yes" : "no";

	text = json_object_get_string(value);
	return *text ? text : "-";
}

static int width(struct json_object *rows, const struct column *column)
{
	size_t i, len, max = strlen(column->title);

	for (i = 0; i < json_object_array_length(rows); i++) {
		len = strlen(cell(json_object_array_get_idx(rows, i),
				  column->key));
		if (len > max)
			max = len;
	}

	return max;
}

static void print_cell(const char *text, int columns, bool last)
{
	if (last)
		printf("%s\n", text);
	else
		printf("%-*s  ", columns, text);
}

void table_print(struct json_object *rows, const struct column *columns)
{
	const struct column *c;
	size_t i;

	for (c = columns; c->title; c++)
		print_cell(c->title, width(rows, c), !c[1].title);
	for (i = 0; i < json_object_array_length(rows); i++) {
		for (c = columns; c->title; c++)
			print_cell(cell(json_object_array_get_idx(rows, i),
					c->key),
				   width(rows, c), !c[1].title);
	}
}

void add_string(struct json_object *object, const char *key, const char *text)
{
	json_object_object_add(object, key, json_object_new_string(text));
}

void add_name(struct json_object *object, const char *key, const char *text)
{
	json_object_object_add(object, key,
			       *text ? json_object_new_string(text) : NULL);
}

void add_bool(struct json_object *object, const char *key, bool value)
{
	json_object_object_add(object, key, json_object_new_boolean(value));
}

void add_flag(struct json_object *object, const char *key, int value)
{
	json_object_object_add(object, key, value < 0 ? NULL :
			       json_object_new_boolean(value));
}

void add_int(struct json_object *object, const char *key, long value)
{
	json_object_object_add(object, key, json_object_new_int64(value));
}

void print_json(struct json_object *object)
{
	printf("%s\n",
	       json_object_to_json_string_ext(object,
					      JSON_C_TO_STRING_PRETTY |
					      JSON_C_TO_STRING_SPACED |
					      JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}
