/* Dates before and after 1970 from signed words: signed division and remainder, 64-bit quantities from words and back. */
#include "work.h"

static s32 divide_down(s32 value, s32 by)
{
    s32 quotient = value / by;
    return quotient * by > value ? quotient - 1 : quotient;
}

/* The proleptic Gregorian date of a day, 0 for 1970-01-01: years are counted from March, in eras of 400. */
static void date(s32 day, s32 *year, s32 *month, s32 *of_month)
{
    s32 shifted = day + 719468;
    s32 era = divide_down(shifted, 146097);
    s32 of_era = shifted - era * 146097;
    s32 year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    s32 of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    s32 from_march = (5 * of_year + 2) / 153;
    *of_month = of_year - (153 * from_march + 2) / 5 + 1;
    *month = from_march < 10 ? from_march + 3 : from_march - 9;
    *year = year_of_era + era * 400 + (*month <= 2);
}

void calendar(u8 *memory)
{
    s32 *result = (s32 *)(memory + CALENDAR_AT);
    for (int i = 0; i < 512; i++) {
        s32 day = ((s32 *)memory)[i] % 700000;
        s64 seconds = (s64)day * 86400 + (s8)memory[i];
        date((s32)((seconds - (s8)memory[i]) / 86400), result, result + 1, result + 2);
        result += 3;
    }
}
