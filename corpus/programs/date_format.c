/* Subprograms: seconds since 1970 to text, "YYYY-MM-DDTHH:MM:SSZ", by functions that call functions, divisions by constants and a table of
 * months in .rodata. The context is the seconds (8 bytes, big-endian) and room for 20 characters. r0 is the day of the year (from 1) times 8
 * plus the day of the week (0: Sunday); all ones without room or after the year 9999. */
#include "program.h"

struct date {
    u32 year, month, day, day_of_year;
};

static const u16 month_starts[13] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};

/* For size instead of speed: divisions by 10 stay divisions. */
__attribute__((minsize)) SUBPROGRAM u8 *write_number(u8 *text, u32 number, u32 digits, u8 separator) {
    for (u32 place = digits; place-- > 0; number /= 10)
        text[place] = '0' + number % 10;
    text[digits] = separator;
    return text + digits + 1;
}

/* Month and day of a day of the year (from 0); the days of the table from March on are later by the leap day. */
SUBPROGRAM void find_month(struct date *date, u32 day, u32 leap) {
    u32 month = 0;
    while (month < 11 && day >= month_starts[month + 1] + (month >= 1 ? leap : 0))
        month++;
    date->month = month + 1;
    date->day = day - month_starts[month] - (month >= 2 ? leap : 0) + 1;
    date->day_of_year = day + 1;
}

/* Cycles of 400, 100, 4 and 1 years, of which the last 100 and the last 1 are a day longer. Day 0 is the first of January of the year 1. */
SUBPROGRAM void find_date(struct date *date, u32 days) {
    u32 cycles = days / 146097;
    days %= 146097;
    u32 centuries = days / 36524 - (days == 146096);
    days -= centuries * 36524;
    u32 fours = days / 1461;
    days %= 1461;
    u32 ones = days / 365 - (days == 1460);
    days -= ones * 365;
    date->year = cycles * 400 + centuries * 100 + fours * 4 + ones + 1;
    find_month(date, days, ones == 3 && (fours != 24 || centuries == 3));
}

SUBPROGRAM u64 format(u8 *text, u64 seconds) {
    struct date date;
    u32 second = seconds % 86400, days = (u32)(seconds / 86400) + 719162;
    find_date(&date, days);
    text = write_number(text, date.year, 4, '-');
    text = write_number(text, date.month, 2, '-');
    text = write_number(text, date.day, 2, 'T');
    text = write_number(text, second / 3600, 2, ':');
    text = write_number(text, second / 60 % 60, 2, ':');
    write_number(text, second % 60, 2, 'Z');
    return date.day_of_year * 8 + (days + 1) % 7;
}

u64 entry(void *memory, u64 length) {
    if (length < 28)
        return ~0ull;
    u64 seconds = BIG64(*(const u64 *)memory);
    if (seconds > 253402300799)
        return ~0ull;
    return format((u8 *)memory + 8, seconds);
}
